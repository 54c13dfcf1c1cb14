const passed = new Map<string, number>();

/**
 * A named step at which a test can end the process as a crash would. It does nothing unless `CPM_TEST=1` and
 * `CPM_FAILPOINT` names it: `name` whenever it is passed, `name:3` the third time only. With
 * `CPM_FAILPOINT_SIGNAL=SIGSTOP` the process pauses there in place of dying.
 */
export function failpoint(name: string): void {
  const wanted = process.env["CPM_FAILPOINT"];
  if (wanted === undefined || process.env["CPM_TEST"] !== "1") return;
  const count = (passed.get(name) ?? 0) + 1;
  passed.set(name, count);
  if (wanted !== name && wanted !== `${name}:${count}`) return;
  process.kill(process.pid, process.env["CPM_FAILPOINT_SIGNAL"] === "SIGSTOP" ? "SIGSTOP" : "SIGKILL");
}
