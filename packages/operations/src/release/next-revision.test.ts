import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseDigest } from "@cpm/base";
import type { Clock } from "@cpm/base";
import { parseReleaseName } from "@cpm/model";
import { startSmallColony } from "../testing/colony.ts";
import type { SmallColony } from "../testing/colony.ts";
import { faultOf } from "../testing/packages.ts";
import { initColony } from "./colony-init.ts";
import { nextRevision, settled } from "./next-revision.ts";
import { assertOurs, readOwnership } from "./ownership.ts";
import { ReleaseBook } from "./release-book.ts";
import type { ReleasePhase, RevisionRecord, RevisionStatus } from "./release-record.ts";

let colony: SmallColony;
beforeAll(async () => {
  colony = await startSmallColony();
  await initColony(colony.owner);
});
afterAll(async () => colony?.stop());

/** A clock that stands still but while somebody sleeps; then something may happen. */
class StagedClock implements Clock {
  readonly #events = new Map<number, () => Promise<void>>();
  #nowMs = 0;
  now(): number {
    return this.#nowMs;
  }
  at(timeMs: number, happen: () => Promise<void>): this {
    this.#events.set(timeMs, happen);
    return this;
  }
  async sleep(durationMs: number): Promise<void> {
    this.#nowMs += durationMs;
    for (const [timeMs, happen] of this.#events) {
      if (timeMs > this.#nowMs) continue;
      this.#events.delete(timeMs);
      await happen();
    }
  }
}

let count = 0;
async function begin(phase: ReleasePhase, revision = 1, release = parseReleaseName(`r${++count}`)) {
  const book = new ReleaseBook(colony.client, new StagedClock());
  const record: RevisionRecord = {
    release,
    revision,
    packages: [{ name: "a/b", version: "1.0.0", digest: parseDigest(`sha256:${"0".repeat(64)}`), inputs: {} }],
    resources: [],
    client: { id: `${release}-${revision}`, user: "anna", host: "node7", startedAt: "2026-03-01T10:00:00Z" },
  };
  const status: RevisionStatus = { phase, beat: 5, created: [], updatedAt: "2026-03-01T10:00:00Z" };
  await book.create(record, status);
  const set = (part: Partial<RevisionStatus>) => book.setStatus(release, revision, { ...status, ...part });
  return { book, record, status, release, set };
}

describe("the next revision", () => {
  test("of what was never there is the first", async () => {
    const book = new ReleaseBook(colony.client, new StagedClock());
    expect(await nextRevision(book, parseReleaseName("nobody"), new StagedClock())).toEqual({ revision: 1 });
  });

  test("follows an uninstalled one, and takes up what a failed one left", async () => {
    const gone = await begin("uninstalled");
    expect(await nextRevision(gone.book, gone.release, new StagedClock())).toEqual({ revision: 2 });
    const failed = await begin("failed", 4);
    expect(await nextRevision(failed.book, failed.release, new StagedClock())).toEqual({ revision: 5, recovers: 4 });
  });

  test.each(["deployed", "superseded"] as const)("does not exist beside one that is %s", async (phase) => {
    const { book, release } = await begin(phase);
    expect(await faultOf(() => nextRevision(book, release, new StagedClock()))).toMatchObject({
      code: "release/exists",
      message: `the release "${release}" is installed already: a/b@1.0.0, revision 1`,
    });
  });

  test.each(["pending-install", "uninstalling"] as const)("takes over one that is %s and silent", async (phase) => {
    const { book, release } = await begin(phase);
    const clock = new StagedClock();
    expect(await nextRevision(book, release, clock)).toEqual({ revision: 2, recovers: 1 });
    expect(clock.now()).toBeGreaterThanOrEqual(10_000);
  });

  test("stays away at the first sign of life, however late", async () => {
    const { book, release, set } = await begin("pending-install");
    const clock = new StagedClock().at(9900, () => set({ beat: 6 }));
    expect(await faultOf(() => nextRevision(book, release, clock))).toMatchObject({
      code: "release/busy",
      message: `anna on node7 (since 2026-03-01T10:00:00Z) is at work on "${release}"`,
    });
    const leaving = await begin("uninstalling");
    const later = new StagedClock().at(500, () => leaving.set({ beat: 6 }));
    expect((await faultOf(() => nextRevision(leaving.book, leaving.release, later))).message).toBe(
      `another client is uninstalling "${leaving.release}"`,
    );
  });

  test("looks again when the other came to an end meanwhile", async () => {
    const done = await begin("pending-install");
    const clock = new StagedClock().at(500, () => done.set({ phase: "deployed" }));
    expect((await faultOf(() => nextRevision(done.book, done.release, clock))).code).toBe("release/exists");
    const failed = await begin("pending-install");
    const soon = new StagedClock().at(500, () => failed.set({ phase: "failed" }));
    expect(await nextRevision(failed.book, failed.release, soon)).toEqual({ revision: 2, recovers: 1 });
    const removed = await begin("pending-install");
    const gone = new StagedClock().at(500, () => removed.book.remove(removed.release, 1));
    expect(await nextRevision(removed.book, removed.release, gone)).toEqual({ revision: 1 });
  });

  test("is patient as long as it is told to be, and stops at an interrupt", async () => {
    const { book, release, record, status } = await begin("pending-install");
    const clock = new StagedClock();
    await nextRevision(book, release, clock, 60_000);
    expect(clock.now()).toBeGreaterThanOrEqual(60_000);
    expect(await settled(book, { record, status }, new StagedClock(), 0)).toEqual({ record, status });
    const abort = new AbortController();
    abort.abort(new Error("stop"));
    await expect(nextRevision(book, release, new StagedClock(), 1000, abort.signal)).rejects.toThrow("stop");
  });
});

describe("the book", () => {
  test("lets one of two make a revision and tells the other who did", async () => {
    const { book, record, status, release } = await begin("pending-install");
    expect(await faultOf(() => book.create(record, status))).toMatchObject({
      code: "release/busy",
      message: `anna on node7 (since 2026-03-01T10:00:00Z) got to install "${release}" first`,
    });
  });

  test("does not know releases where the owner has not prepared the colony", async () => {
    const other = await startSmallColony();
    try {
      const book = new ReleaseBook(other.client, new StagedClock());
      expect((await book.read()).revisions).toEqual([]);
      const { record, status } = await begin("pending-install");
      const fault = await faultOf(() => book.create(record, status));
      expect([fault.code, fault.hint]).toEqual(["colony/not-prepared", expect.stringContaining("cpm colony init")]);
    } finally {
      await other.stop();
    }
  });

  test("orders revisions by number and not by text", async () => {
    const { book, release } = await begin("superseded", 2);
    await begin("superseded", 10, release);
    await begin("deployed", 9, release);
    expect((await book.history(release)).map(({ record }) => record.revision)).toEqual([2, 9, 10]);
    expect((await book.newest(release)).record.revision).toBe(10);
    expect((await faultOf(() => book.newest("never"))).message).toBe('the colony dev has no release "never"');
  });
});

describe("whose a revision is", () => {
  test("its client's, while it is at work", async () => {
    const { book, record, set } = await begin("pending-install");
    expect((await readOwnership(book, record)).kind).toBe("ours");
    await set({ phase: "deployed" });
    await assertOurs(book, record);
  });

  test("nobody's, once it was uninstalled or removed", async () => {
    for (const phase of ["uninstalling", "uninstalled", "failed"] as const) {
      const { book, record, set, release } = await begin("pending-install");
      await set({ phase });
      expect(await faultOf(() => assertOurs(book, record))).toMatchObject({
        code: "release/taken-over",
        message: `"${release}" was uninstalled while this client was silent`,
      });
      await book.remove(release, 1);
      expect((await readOwnership(book, record)).kind).toBe("ended");
    }
  });

  test("another's, once there is a newer one, or one of another client under the same number", async () => {
    const { book, record, release } = await begin("pending-install");
    expect((await readOwnership(book, { ...record, client: { ...record.client, id: "another" } })).kind).toBe(
      "taken-over",
    );
    await begin("pending-install", 2, release);
    expect(await faultOf(() => assertOurs(book, record))).toMatchObject({
      code: "release/taken-over",
      message: `anna on node7 (since 2026-03-01T10:00:00Z) took "${release}" over while this client was silent`,
    });
  });

  test("still its client's, when something else has the next name", async () => {
    const { book, record, release } = await begin("pending-install");
    await colony.client.blueprints.add({
      kind: "CpmRelease",
      name: `cpm.${release}.v2`,
      spec: { release: "else", revision: 7 },
    });
    expect((await readOwnership(book, record)).kind).toBe("ours");
  });
});
