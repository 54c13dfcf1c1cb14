import { notifyManager } from "@cpm/system";

type Environment = Readonly<Record<string, string | undefined>>;

/** The first descriptor that a service manager passes (sd_listen_fds(3)). */
const firstDescriptor = 3;

/** The listening socket that this process was started with; undefined when there is none. */
export function inheritedSocket(environment: Environment, pid: number): number | undefined {
  const { LISTEN_PID: owner, LISTEN_FDS: count } = environment;
  return owner === String(pid) && Number(count) >= 1 ? firstDescriptor : undefined;
}

/** Tells systemd, or whoever set `NOTIFY_SOCKET`, how the agent is (sd_notify(3)). */
export class ServiceManager {
  readonly #address: string | undefined;
  readonly #watchdogMs: number | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    { NOTIFY_SOCKET: address, WATCHDOG_USEC: microseconds, WATCHDOG_PID: watched }: Environment,
    pid: number,
  ) {
    this.#address = address;
    const meant = watched === undefined || watched === String(pid);
    const watchdogMs = Number(microseconds) / 1000;
    this.#watchdogMs = meant && watchdogMs > 0 ? watchdogMs : undefined;
  }

  /** Says that the agent serves, and from then on twice in each interval that it is alive, by a turn of its own loop. */
  ready(status: string): void {
    notifyManager(this.#address, `READY=1\nSTATUS=${status}`);
    if (this.#watchdogMs === undefined) return;
    this.#timer = setInterval(() => notifyManager(this.#address, "WATCHDOG=1"), this.#watchdogMs / 2);
  }

  stopping(): void {
    clearInterval(this.#timer);
    notifyManager(this.#address, "STOPPING=1");
  }
}
