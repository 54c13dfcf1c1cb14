import { readFileSync } from "node:fs";

/** A clock that nobody sets: it goes on while the machine sleeps, and begins anew with each boot. */
export interface SteadyClock {
  /** Milliseconds since some instant of this boot, the same for all processes that see the same `boot`. */
  now(): number;
  /** Which boot; where the system does not tell, of this process alone. */
  readonly boot: string;
}

/** Of the machine (Linux: CLOCK_BOOTTIME, as /proc/uptime tells it); elsewhere of this process. */
export function systemSteadyClock(): SteadyClock {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    readUptimeMs();
    return { boot, now: readUptimeMs };
  } catch {
    return { boot: crypto.randomUUID(), now: () => performance.now() };
  }
}

function readUptimeMs(): number {
  const uptimeMs = Number.parseFloat(readFileSync("/proc/uptime", "utf8")) * 1000;
  if (!Number.isFinite(uptimeMs)) throw new TypeError("/proc/uptime has no number");
  return uptimeMs;
}
