import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** How the tests run: what shares nothing runs in parallel, what starts servers and processes runs by itself. */
const stages = [
  { name: "units", flags: ["--parallel=2"], folders: ["./packages", "./apps", "./tools"] },
  { name: "end to end", flags: [], folders: ["./tests"] },
] as const;

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Runs every test and ends with one line that a person and a machine can read: `N passed, N failed, N skipped`.
 * What was skipped is named with its reason by the test itself; where CI is set a skip for want of the real server is a failure.
 */
export async function runTests(root: string, selection: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "cpm-test-report-"));
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  let broken = false;
  try {
    for (const stage of stages) {
      const report = join(folder, `${stage.name}.xml`);
      const folders = selection.length === 0 ? stage.folders : selection.filter((path) => belongs(path, stage.folders));
      if (folders.length === 0) continue;
      const exitCode = await runStage(root, stage.flags, folders, report);
      const counts = readReport(report);
      if (counts === undefined || (exitCode !== 0 && counts.failed === 0)) broken = true;
      total.passed += counts?.passed ?? 0;
      total.failed += counts?.failed ?? 0;
      total.skipped += counts?.skipped ?? 0;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (broken) process.stdout.write("a test process ended without a whole report; see above\n");
  process.stdout.write(`${total.passed} passed, ${total.failed + (broken ? 1 : 0)} failed, ${total.skipped} skipped\n`);
  return broken || total.failed > 0 || total.passed === 0 ? 1 : 0;
}

async function runStage(
  root: string,
  flags: readonly string[],
  folders: readonly string[],
  report: string,
): Promise<number> {
  const command = [
    process.execPath,
    "test",
    "--only-failures",
    "--timeout=60000",
    ...flags,
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...folders,
  ];
  const child = Bun.spawn(command, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  return await child.exited;
}

/** The totals that the report's root element states; undefined when there is no whole report. */
function readReport(path: string): Counts | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined; // The caller says that the process ended without its report.
  }
  const root = /<testsuites[^>]*>/.exec(text)?.[0] ?? "";
  const read = (name: string): number => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(root)?.[1] ?? Number.NaN);
  const [tests, failed, skipped] = [read("tests"), read("failures"), read("skipped")];
  if (![tests, failed, skipped].every(Number.isInteger) || !text.includes("</testsuites>")) return undefined;
  return { passed: tests - failed - skipped, failed, skipped };
}

function belongs(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => `./${path.replace(/^\.\//, "")}`.startsWith(folder));
}

if (import.meta.main) process.exitCode = await runTests(join(import.meta.dir, "../.."), process.argv.slice(2));
