import type { Job } from "@cpm/colonies";

/** Writes lines into a process's log, one after the other, so that they stand there in the order in which they came. */
export function linesTo(job: Job): (line: string) => void {
  let last: Promise<void> = Promise.resolve();
  return (line) => {
    // Jobs do not end for a line that could not be written.
    last = last.then(() => job.log(`${line}\n`)).catch(() => {});
  };
}
