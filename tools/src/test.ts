import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One process of the test runner. */
interface Stage {
  readonly name: string;
  readonly flags: readonly string[];
  readonly folders: readonly string[];
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** What takes about half the time of all end to end tests. */
const serverFolders = ["./tests/src/registry", "./tests/src/pages", "./tests/src/agent", "./tests/src/deploy"];

/**
 * How the tests run: the stages of one row at once, the rows one after another. Units share nothing and run on every
 * core; of those that start servers there are two processes, each with servers of its own.
 */
function planStages(root: string): readonly (readonly Stage[])[] {
  const folders = readdirSync(join(root, "tests/src"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `./tests/src/${entry.name}`);
  const others = folders.filter((folder) => !serverFolders.includes(folder));
  return [
    [{ name: "units", flags: ["--parallel=2"], folders: ["./packages", "./apps", "./tools"] }],
    [
      { name: "registry and agent", flags: [], folders: serverFolders },
      { name: "end to end", flags: [], folders: others },
    ],
  ];
}

/**
 * Runs every test and ends with one line that a person and a machine can read: `N passed, N failed, N skipped`.
 * What was skipped is named with its reason by the test itself; where CI is set a skip for want of the real server is a failure.
 */
export async function runTests(root: string, selection: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "cpm-test-report-"));
  const reports: (Counts | undefined)[] = [];
  try {
    for (const row of planStages(root)) {
      const chosen = row.map((stage) => narrow(stage, selection)).filter((stage) => stage.folders.length > 0);
      reports.push(...(await Promise.all(chosen.map((stage) => runStage(root, stage, folder)))));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const whole = reports.filter((report) => report !== undefined);
  const broken = reports.length - whole.length;
  const sum = (of: keyof Counts): number => whole.reduce((total, report) => total + report[of], 0);
  if (broken > 0) process.stdout.write("a test process ended without a whole report; see above\n");
  process.stdout.write(`${sum("passed")} passed, ${sum("failed") + broken} failed, ${sum("skipped")} skipped\n`);
  return broken > 0 || sum("failed") > 0 || sum("passed") === 0 ? 1 : 0;
}

/** Of a stage, what the selection names: paths within its folders, and folders within a path. All of it without one. */
function narrow(stage: Stage, selection: readonly string[]): Stage {
  if (selection.length === 0) return stage;
  const named = selection.map((path) => `./${path.replace(/^\.\//, "").replace(/\/$/, "")}`);
  const folders = named.flatMap((path) =>
    stage.folders.some((folder) => isWithin(path, folder))
      ? [path]
      : stage.folders.filter((folder) => isWithin(folder, path)),
  );
  return { ...stage, folders };
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** Undefined when the process ended without saying how each of its tests did. */
async function runStage(root: string, { name, flags, folders }: Stage, reports: string): Promise<Counts | undefined> {
  const report = join(reports, `${name}.xml`);
  const options = ["--only-failures", "--timeout=60000", "--reporter=junit", `--reporter-outfile=${report}`];
  const child = Bun.spawn([process.execPath, "test", ...options, ...flags, ...folders], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const exitCode = await child.exited;
  const counts = readReport(report);
  return exitCode !== 0 && counts?.failed === 0 ? undefined : counts;
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
  const [tests = Number.NaN, failed = Number.NaN, skipped = Number.NaN] = ["tests", "failures", "skipped"].map(read);
  if (![tests, failed, skipped].every(Number.isInteger) || !text.includes("</testsuites>")) return undefined;
  return { passed: tests - failed - skipped, failed, skipped };
}

if (import.meta.main) process.exitCode = await runTests(join(import.meta.dir, "../.."), process.argv.slice(2));
