import type { ReleaseBook } from "./release-book.ts";
import { beatEveryMs } from "./next-revision.ts";
import type { CreatedResource, RevisionRecord, RevisionStatus } from "./release-record.ts";

/**
 * The status of a revision while a client is at work on it. Every change is written whole, one after the other, and
 * a beat tells others that the client lives although nothing changes. Must be closed.
 *
 * Before each write `guard` may refuse it: a client that was silent for long asks first whether the revision is still
 * its own. The server has no conditional write, so one that falls silent between the question and the write, and
 * is taken over meanwhile, can put an old status over a newer one once; its next question tells it.
 */
export class RevisionWriter {
  readonly #book: ReleaseBook;
  readonly #record: RevisionRecord;
  readonly #guard: () => Promise<void>;
  #status: Omit<RevisionStatus, "updatedAt">;
  #writing: Promise<void> = Promise.resolve();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(
    book: ReleaseBook,
    record: RevisionRecord,
    status: Omit<RevisionStatus, "updatedAt">,
    guard: () => Promise<void> = async () => {},
  ) {
    this.#book = book;
    this.#record = record;
    this.#status = status;
    this.#guard = guard;
    // A beat that fails is followed by another; what must be written fails where it is awaited.
    this.#timer = setInterval(() => void this.#write().catch(() => {}), beatEveryMs);
  }

  get created(): readonly CreatedResource[] {
    return this.#status.created;
  }

  async add(resource: CreatedResource): Promise<void> {
    await this.update({ created: [...this.#status.created, resource] });
  }

  /** Changes some fields; written when this returns. */
  async update(part: Partial<Omit<RevisionStatus, "updatedAt" | "beat">>): Promise<void> {
    this.#status = { ...this.#status, ...part };
    await this.#write();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
  }

  /** The server keeps what comes last, so no write may overtake another. */
  #write(): Promise<void> {
    const { release, revision } = this.#record;
    const write = async (): Promise<void> => {
      await this.#guard();
      this.#status = { ...this.#status, beat: this.#status.beat + 1 };
      await this.#book.setStatus(release, revision, this.#status);
    };
    const next = this.#writing.then(write);
    this.#writing = next.catch(() => {});
    return next;
  }
}
