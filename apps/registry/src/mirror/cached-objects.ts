import type { ByteSource } from "@cpm/base";
import type { Descriptor } from "@cpm/oci";
import { failpoint, KeyedQueue } from "@cpm/store";
import { presignedS } from "../objects/object-storage.ts";
import type { ObjectName, ObjectStorage } from "../objects/object-storage.ts";
import type { Arrival, MirrorRecords, Source } from "./mirror-records.ts";

/** An arrival of which nothing was heard for so long has ended with its process. */
const lostAfterMs = 24 * 60 * 60_000;
/** How long an object that left may still be read, by a request that found it before, or at an address given out. */
const readingMs = 1000 * presignedS;

/**
 * Objects of the mirror's own storage, on their way in and out. In a directory an object has the name of its digest, so
 * one that departs may arrive again: both happen in turn. On other replicas names are never the same.
 */
export class CachedObjects {
  readonly #records: MirrorRecords;
  readonly #objects: ObjectStorage;
  readonly #now: () => number;
  readonly #turns = new KeyedQueue();
  /** Of this process. */
  readonly #arriving = new Set<string>();

  constructor(records: MirrorRecords, objects: ObjectStorage, now: () => number) {
    this.#records = records;
    this.#objects = objects;
    this.#now = now;
  }

  /** Keeps bytes that were found to have their digest: durable first, then recorded. Of a failure nothing is left. */
  async keep(source: Source, { digest, sizeBytes }: Descriptor, bytes: ByteSource): Promise<void> {
    const arrival = { id: crypto.randomUUID(), digest, state: {} };
    this.#arriving.add(arrival.id);
    const leave = await this.#turns.enter(this.#objects.defaultObject(digest));
    try {
      await this.#records.beginArrival(arrival, this.#now());
      const object = await this.#bring(arrival, bytes);
      failpoint("mirror/arrived");
      await this.#records.addBlob(source, arrival, { sizeBytes, object }, this.#now());
      failpoint("mirror/recorded");
    } catch (error) {
      // Where this fails too, it is found later among the lost.
      await this.#abandon(arrival).catch(() => undefined);
      throw error;
    } finally {
      leave();
      this.#arriving.delete(arrival.id);
    }
  }

  /** Removes what processes that have ended left of arrivals; false when there may be more. */
  async removeLost(limit: number): Promise<boolean> {
    const lost = await this.#records.lostArrivals(this.#now() - lostAfterMs, limit);
    for (const arrival of lost) {
      if (this.#arriving.has(arrival.id)) continue;
      const leave = await this.#turns.enter(this.#objects.defaultObject(arrival.digest));
      await this.#abandon(arrival).finally(leave);
    }
    return lost.length < limit;
  }

  /** Removes objects that left long enough ago; false when there may be more. */
  async removeDeparted(limit: number): Promise<boolean> {
    const departed = await this.#records.departures(this.#now() - readingMs, limit);
    for (const object of departed) {
      const leave = await this.#turns.enter(object);
      await this.#remove(object).finally(leave);
    }
    return departed.length < limit;
  }

  async #bring(arrival: Arrival, bytes: ByteSource): Promise<ObjectName> {
    const { id, digest } = arrival;
    const checkpoint = (state: Arrival["state"]): Promise<void> => this.#records.saveArrival(id, state, this.#now());
    const staging = await this.#objects.openStaging(id, {}, checkpoint, false);
    try {
      for await (const chunk of bytes) await staging.write(chunk);
      await staging.flush(true);
      await staging.mark(digest);
      await checkpoint(staging.state);
      failpoint("mirror/marked");
      const object = await staging.seal();
      await this.#objects.settle(id, staging.state);
      return object;
    } finally {
      await staging.close();
    }
  }

  async #abandon({ id, digest }: Arrival): Promise<void> {
    const state = await this.#records.arrivalState(id);
    if (state !== undefined) await this.#objects.discard(id, state);
    // In a directory it may have got its name already; elsewhere that is in the state.
    if (!this.#objects.shared) await this.#removeUnneeded(this.#objects.defaultObject(digest));
    await this.#records.dropArrival(id);
  }

  async #remove(object: ObjectName): Promise<void> {
    await this.#removeUnneeded(object);
    await this.#records.dropDeparture(object);
  }

  async #removeUnneeded(object: ObjectName): Promise<void> {
    if (!(await this.#records.isNeeded(object))) await this.#objects.remove(object);
  }
}
