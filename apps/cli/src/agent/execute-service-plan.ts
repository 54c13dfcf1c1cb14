import { existsSync, lstatSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { removeFile, removeTree, replaceFile } from "@cpm/store";
import { cliError } from "../errors.ts";
import type { ServiceStep } from "./service-plan.ts";

export interface StepResult {
  readonly step: ServiceStep;
  /** `skipped`: a command that is not run below another root, or for which there is no reason. */
  readonly outcome: "changed" | "same" | "run" | "skipped";
}

/**
 * Carries a plan out on the machine whose root this is. With a `staging` root only files are written: commands would be for
 * the machine that runs. Throws `cli/service-command` when one fails; the steps before it have been done, and may be again.
 */
export async function executeServicePlan(
  steps: readonly ServiceStep[],
  root: string,
  staging: boolean,
): Promise<readonly StepResult[]> {
  const results: StepResult[] = [];
  // The service is another user, who must be able to read all of it.
  const before = process.umask(0o022);
  try {
    for (const step of steps) {
      const changed = results.some(({ outcome }) => outcome === "changed");
      results.push({ step, outcome: await execute(step, root, staging, changed) });
    }
  } finally {
    process.umask(before);
  }
  return results;
}

async function execute(
  step: ServiceStep,
  root: string,
  staging: boolean,
  changed: boolean,
): Promise<StepResult["outcome"]> {
  if (step.kind === "run") {
    if (staging || (step.ifChanged && !changed)) return "skipped";
    runCommand(step.command);
    return "run";
  }
  const path = join(root, step.path);
  if (step.kind === "remove") {
    const entry = lstatSync(path, { throwIfNoEntry: false });
    if (entry?.isDirectory() === true) await removeTree(path);
    else removeFile(path);
    return entry === undefined ? "same" : "changed";
  }
  if (step.kind === "write" && step.unlessPresent && existsSync(path)) return "same";
  const bytes = step.kind === "copy" ? readFileSync(step.from) : Buffer.from(step.text);
  if (existsSync(path) && readFileSync(path).equals(bytes)) return "same";
  mkdirSync(dirname(path), { recursive: true });
  // An executable that runs cannot be written, but another can take its name.
  replaceFile(path, bytes, step.kind === "copy" ? 0o755 : 0o644);
  return "changed";
}

function runCommand(command: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...command], { stdin: "ignore" });
  if (exitCode === 0) return;
  throw cliError(
    "cli/service-command",
    `${command.join(" ")} ended with status ${exitCode}: ${stderr.toString().trim()}`,
  );
}
