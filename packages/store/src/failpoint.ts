/**
 * A named step at which a test can end the process as a crash would. It does nothing unless `CPM_TEST=1` and
 * `CPM_FAILPOINT` names it.
 */
export function failpoint(name: string): void {
  if (process.env["CPM_TEST"] === "1" && process.env["CPM_FAILPOINT"] === name) process.kill(process.pid, "SIGKILL");
}
