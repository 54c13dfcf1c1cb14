/** A command as one whole process, with the directory that it may write to. */
export interface Contender {
  readonly name: string;
  readonly command: (directory: string) => readonly string[];
  /** Anything that must be there before the clock starts. */
  readonly prepare?: (directory: string) => void;
}

/** One run of one process, its children included. */
export interface Sample {
  readonly wallMs: number;
  /** User and system time together. */
  readonly cpuMs: number;
  /** What the command said of itself (`reportPeakMemory`); undefined for commands that are not ours. */
  readonly peakBytes: number | undefined;
}

export interface Ground {
  /** A directory that no run has used. */
  readonly freshDirectory: () => string;
  /** Called before each run, outside of the clock: what the run before left undone must not be paid by the next. */
  readonly settle: (directory: string) => void;
  /** Called after each run, outside of the clock. */
  readonly leave: (directory: string) => void;
}

/**
 * Runs all contenders in turn, so many rounds, so that whatever else the machine does meets them alike; each round
 * begins with another one. A round before the first only warms the caches and is not counted.
 */
export async function measure(contenders: readonly Contender[], rounds: number, ground: Ground): Promise<Sample[][]> {
  const samples: Sample[][] = contenders.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const index = (round + turn) % contenders.length;
      const contender = contenders[index];
      if (contender === undefined) continue;
      const directory = ground.freshDirectory();
      contender.prepare?.(directory);
      ground.settle(directory);
      const sample = await run(contender, directory);
      ground.leave(directory);
      if (round > 0) samples[index]?.push(sample);
    }
  }
  return samples;
}

async function run(contender: Contender, directory: string): Promise<Sample> {
  const startedAt = performance.now();
  const child = Bun.spawn([...contender.command(directory)], { stdio: ["ignore", "pipe", "inherit"] });
  const [output, exitCode] = await Promise.all([new Response(child.stdout).text(), child.exited]);
  const wallMs = performance.now() - startedAt;
  if (exitCode !== 0) throw new Error(`${contender.name} ended with status ${exitCode}`);
  const cpuMs = Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1000;
  return { wallMs, cpuMs, peakBytes: peakOf(output) };
}

/** The last line of ours. What the kernel tells of a foreign command includes the size of whoever started it. */
function peakOf(output: string): number | undefined {
  const peak = /^peak (\d+)$/m.exec(output)?.[1];
  return peak === undefined ? undefined : Number(peak);
}
