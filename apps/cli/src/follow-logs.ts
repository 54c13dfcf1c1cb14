import type { ReleaseContext, ReleaseLogEntry } from "@cpm/operations";
import type { Output } from "./output/output.ts";

/** Shows on stderr what a release prints, until the function that is answered is called. */
export function followLogs(release: string, context: ReleaseContext, output: Output): () => Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ...(context.signal === undefined ? [] : [context.signal])]);
  const reading = readAll(release, { ...context, signal }, output).catch((error: unknown) => {
    // The work itself is watched elsewhere: a log that cannot be read does not end it.
    if (!signal.aborted)
      output.note(`the log cannot be followed: ${error instanceof Error ? error.message : String(error)}`);
  });
  return async () => {
    // What was printed last comes with the last look.
    await Promise.race([reading, context.clock.sleep(2000)]);
    stop.abort();
    await reading;
  };
}

async function readAll(release: string, context: ReleaseContext, output: Output): Promise<void> {
  const { readReleaseLogs } = await import("@cpm/operations");
  for await (const entry of readReleaseLogs({ release, follow: true }, context)) {
    for (const line of logLines(entry)) output.note(line);
  }
}

/** `node | text`, a line for each line of the entry. */
export function logLines({ process, message }: ReleaseLogEntry): readonly string[] {
  const name = process.node === "" ? process.functionName : process.node;
  return message
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => `${name} | ${line}`);
}
