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

export interface MeasureOptions {
  readonly rounds: number;
  /** A fresh directory for each run: nothing is deleted before the last one, or the file system would be slower. */
  readonly freshDirectory: () => string;
  /** Called before each run, outside of the clock: writes of the run before must not be paid by the next. */
  readonly settle: (directory: string) => void;
}

/**
 * Runs all contenders in turn, so many rounds, so that whatever else the machine does meets them alike. The first
 * run of each only warms the caches and is thrown away.
 */
export async function measure(contenders: readonly Contender[], options: MeasureOptions): Promise<Sample[][]> {
  const samples: Sample[][] = contenders.map(() => []);
  for (let round = 0; round <= options.rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      const directory = options.freshDirectory();
      contender.prepare?.(directory);
      options.settle(directory);
      const sample = await run(contender, directory);
      if (round > 0) samples[index]?.push(sample);
    }
  }
  return samples;
}

async function run(contender: Contender, directory: string): Promise<Sample> {
  const startedAt = performance.now();
  const child = Bun.spawn([...contender.command(directory)], { stdio: ["ignore", "pipe", "inherit"] });
  const [output, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
  const wallMs = performance.now() - startedAt;
  if (exitCode !== 0) throw new Error(`${contender.name} ended with status ${exitCode}`);
  const cpuMs = Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1000;
  return { wallMs, cpuMs, peakBytes: peakOf(output) };
}

/** The last line of ours. A foreign command's peak is not known: the kernel counts the size of whoever starts it. */
function peakOf(output: string): number | undefined {
  const peak = /^peak (\d+)$/m.exec(output)?.[1];
  return peak === undefined ? undefined : Number(peak);
}
