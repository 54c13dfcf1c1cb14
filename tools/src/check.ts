import { join } from "node:path";
import { runSteps } from "./step.ts";
import { typeSteps } from "./types.ts";

/** Everything that must hold before a change lands, in the order of what fails fastest. */
const root = join(import.meta.dir, "../..");
const bin = (name: string): string => join(root, "node_modules/.bin", name);

const results = await runSteps([
  { name: "format", command: [bin("oxfmt"), "--check"], cwd: root },
  { name: "lint", command: [bin("oxlint"), "--type-aware", "--deny-warnings"], cwd: root },
  ...typeSteps(root),
  { name: "ladder", command: [process.execPath, "test", "tools/src/ladder.test.ts"], cwd: root },
  { name: "contract", command: [process.execPath, "tools/src/contract.ts", "--check"], cwd: root },
  { name: "docs", command: [process.execPath, "tools/src/docs.ts", "--check"], cwd: root },
  { name: "unused", command: [bin("knip")], cwd: root },
  { name: "tests", command: [process.execPath, "tools/src/test.ts"], cwd: root },
]);

const failed = results.find((result) => result.exitCode !== 0);
process.stderr.write(failed === undefined ? "\nall checks pass\n" : `\nfailed: ${failed.step.name}\n`);
process.exitCode = failed === undefined ? 0 : 1;
