import { afterAll, describe, expect, test } from "bun:test";
import type { Database } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import type { DatabaseKind } from "../testing/database-under-test.ts";
import type { Job } from "./job.ts";
import { jobLeaseMs, JobLeases } from "./job-leases.ts";
import { JobMetrics } from "./job-metrics.ts";
import { JobRunner } from "./job-runner.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** A clock that goes on when it is told to. */
class ManualClock {
  nowMs = 1_767_000_000_000;
  readonly #sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>();
  #onSleep = (): void => undefined;

  readonly now = (): number => this.nowMs;
  readonly sleep = (durationMs: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const sleeper = { untilMs: this.nowMs + durationMs, wake: resolve };
      this.#sleepers.add(sleeper);
      signal.addEventListener("abort", () => reject(signal.reason as Error));
      this.#onSleep();
    });

  /** Who is to wake does, and sleeps again, before this returns. */
  async advance(durationMs: number): Promise<void> {
    this.nowMs += durationMs;
    const awake = [...this.#sleepers].filter(({ untilMs }) => untilMs <= this.nowMs);
    const asleepAgain = this.#untilAsleep(this.#sleepers.size);
    for (const sleeper of awake) {
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
    await asleepAgain;
  }

  async #untilAsleep(count: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onSleep = () => void (this.#sleepers.size === count && resolve());
      queueMicrotask(this.#onSleep);
    });
  }
}

function jobOf(step: Job["step"], intervalMs = hourMs): Job {
  return { name: "test", intervalMs, step };
}

/** What jobs promise on every database that has their leases. */
export function testJobs({ name, open }: DatabaseKind): void {
  describe(`jobs, with their leases in ${name}`, () => describePromises(open));
}

function describePromises(open: DatabaseKind["open"]): void {
  const opened: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const dispose of opened) await dispose();
  });
  async function fresh() {
    const made = await open();
    opened.push(made.dispose);
    const clock = new ManualClock();
    const leasesOf = (holder: string, of: Database = made.database) => new JobLeases(of, holder, clock.now);
    const failures: unknown[] = [];
    const metrics = new JobMetrics(clock.now);
    const runnerOf = (job: Job, holder = "a") =>
      new JobRunner([job], {
        leases: leasesOf(holder),
        metrics,
        sleep: clock.sleep,
        random: () => 0,
        onFailure: (name, error) => failures.push([name, error]),
      });
    const rowOf = () => made.database.get<Record<string, unknown>>(sql`SELECT * FROM jobs WHERE name = 'test'`);
    const valueOf = async (metric: string) =>
      (await metrics.families()).find(({ name }) => name === `cpm_registry_job_${metric}`)?.values[0]?.[1];
    return { ...made, clock, leasesOf, runnerOf, failures, rowOf, valueOf };
  }

  test("of many replicas one begins a run, and nobody begins the next before its time", async () => {
    const { clock, leasesOf, again } = await fresh();
    const replicas = [leasesOf("a"), leasesOf("b", await again()), leasesOf("c", await again())];
    const take = async () => Promise.all(replicas.map((leases) => leases.take("test", hourMs)));
    const taken = await take();
    expect(taken.filter((waitMs) => waitMs === undefined)).toHaveLength(1);
    expect(taken.filter((waitMs) => waitMs === hourMs)).toHaveLength(2);
    await replicas[taken.indexOf(undefined)]?.end("test", "done");
    clock.nowMs += hourMs - 1;
    expect(await take()).toEqual([1, 1, 1]);
    clock.nowMs += 1;
    expect((await take()).filter((waitMs) => waitMs === undefined)).toHaveLength(1);
  });

  test("a job that runs for longer than its interval is left to whoever is at it, until that is gone", async () => {
    const { clock, leasesOf } = await fresh();
    const [first, second] = [leasesOf("a"), leasesOf("b")];
    expect(await first.take("test", 1000)).toBeUndefined();
    clock.nowMs += jobLeaseMs - 1000;
    expect(await first.renew("test")).toBe(true);
    expect(await second.take("test", 1000)).toBe(jobLeaseMs);
    clock.nowMs += jobLeaseMs;
    expect(await second.take("test", 1000)).toBeUndefined();
    expect(await first.renew("test")).toBe(false);
    await first.end("test", "done");
    expect(await first.take("test", 1000)).toBe(jobLeaseMs);
  });

  test("a run that was broken off is gone on with at once; one written by a wrong clock stops nothing", async () => {
    const { clock, leasesOf } = await fresh();
    const leases = leasesOf("a");
    await leases.take("test", hourMs);
    await leases.end("test", "broken-off");
    expect(await leases.take("test", hourMs)).toBeUndefined();
    clock.nowMs -= 1000 * hourMs;
    expect(await leases.take("test", hourMs)).toBeUndefined();
  });

  test("a job runs at its times, as many steps as there are", async () => {
    const { clock, runnerOf, rowOf, valueOf } = await fresh();
    const steps: number[] = [];
    const runner = runnerOf(jobOf(async () => (steps.push(clock.nowMs) % 3 === 0 ? "done" : "more")));
    runner.start();
    const startedAt = clock.nowMs;
    await clock.advance(0);
    expect(steps).toEqual([startedAt, startedAt, startedAt]);
    await clock.advance(hourMs - 1);
    expect(steps).toHaveLength(3);
    await clock.advance(1);
    expect(steps).toHaveLength(6);
    expect(await rowOf()).toMatchObject({ last_started_at: clock.nowMs, last_ended_at: clock.nowMs, leased_until: 0 });
    expect(await valueOf("runs_total")).toBe(2);
    expect(await valueOf("last_success_timestamp_seconds")).toBe(clock.nowMs / 1000);
    await runner.stop();
  });

  test("between steps that wait for nothing others get their turn", async () => {
    const { runnerOf } = await fresh();
    let turns = 0;
    const seen: number[] = [];
    const runner = runnerOf(
      jobOf(async () => {
        setImmediate(() => turns++);
        return seen.push(turns) === 3 ? "done" : "more";
      }),
    );
    await runner.run("test");
    expect(seen).toEqual([0, 1, 2]);
  });

  test("a failure is told and kept, and the job is tried again at its next time", async () => {
    const { clock, runnerOf, failures, rowOf, valueOf } = await fresh();
    let broken = true;
    const runner = runnerOf(
      jobOf(async () => {
        if (broken) throw new Error("the disk is full");
        return "done";
      }),
    );
    runner.start();
    await clock.advance(0);
    expect(failures).toEqual([["test", new Error("the disk is full")]]);
    expect(await rowOf()).toMatchObject({ last_error: "the disk is full", leased_until: 0 });
    expect([await valueOf("failures_total"), await valueOf("last_success_timestamp_seconds")]).toEqual([1, undefined]);
    broken = false;
    await clock.advance(minuteMs);
    expect(await valueOf("runs_total")).toBe(1);
    await clock.advance(hourMs - minuteMs);
    expect(await rowOf()).toMatchObject({ last_error: null });
    expect([await valueOf("runs_total"), await valueOf("failures_total")]).toEqual([2, 1]);
    await runner.stop();
  });

  test("once draining, the step that runs ends and none begins; another replica goes on at once", async () => {
    const { clock, runnerOf, leasesOf } = await fresh();
    const inStep = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    let ended = 0;
    const runner = runnerOf(
      jobOf(async (signal) => {
        inStep.resolve();
        await end.promise;
        expect(signal.aborted).toBe(true);
        ended++;
        return "more";
      }),
    );
    runner.start();
    void clock.advance(0);
    await inStep.promise;
    const stopped = runner.stop().then(() => ended);
    end.resolve();
    expect(await stopped).toBe(1);
    expect(await leasesOf("b").take("test", hourMs)).toBeUndefined();
  });
}
