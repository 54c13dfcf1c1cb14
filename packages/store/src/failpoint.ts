const passed = new Map<string, number>();

/**
 * A named step at which a test can end the process as a crash would. It does nothing unless `CPM_TEST=1` and
 * `CPM_FAILPOINT` names it: `name` whenever it is passed, `name:3` the third time only, `name:3:pause` to stop the
 * process there (SIGSTOP) in place of killing it.
 */
export function failpoint(name: string): void {
  const wanted = process.env["CPM_FAILPOINT"];
  if (wanted === undefined || process.env["CPM_TEST"] !== "1") return;
  const count = (passed.get(name) ?? 0) + 1;
  passed.set(name, count);
  const [step, turn = String(count), how] = wanted.split(":");
  if (step !== name || turn !== String(count)) return;
  process.kill(process.pid, how === "pause" ? "SIGSTOP" : "SIGKILL");
}
