/** One command of a check, as a person would type it. */
export interface Step {
  readonly name: string;
  readonly command: readonly string[];
  readonly cwd?: string;
}

export interface StepResult {
  readonly step: Step;
  readonly exitCode: number;
  readonly durationMs: number;
}

/** Runs steps one after another with their output shown; stops at the first failure. */
export async function runSteps(steps: readonly Step[]): Promise<readonly StepResult[]> {
  const results: StepResult[] = [];
  for (const step of steps) {
    process.stderr.write(`\n== ${step.name}: ${step.command.join(" ")}\n`);
    const startedAt = performance.now();
    const child = Bun.spawn([...step.command], {
      cwd: step.cwd ?? process.cwd(),
      stdio: ["ignore", "inherit", "inherit"],
    });
    const exitCode = await child.exited;
    results.push({ step, exitCode, durationMs: performance.now() - startedAt });
    if (exitCode !== 0) break;
  }
  return results;
}
