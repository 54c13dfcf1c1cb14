import type { ReleaseBook } from "./release-book.ts";
import { beatEveryMs } from "./next-revision.ts";
import type { CreatedResource, RevisionStatus } from "./release-record.ts";

/**
 * The status of a revision while a client is at work on it. Every change is written whole, one after the other, and
 * a beat tells others that the client lives although nothing changes. Must be closed.
 */
export class RevisionWriter {
  readonly #book: ReleaseBook;
  readonly #release: string;
  readonly #revision: number;
  #status: Omit<RevisionStatus, "updatedAt">;
  #writing: Promise<void> = Promise.resolve();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(book: ReleaseBook, release: string, revision: number, status: Omit<RevisionStatus, "updatedAt">) {
    this.#book = book;
    this.#release = release;
    this.#revision = revision;
    this.#status = status;
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
    const write = async (): Promise<void> => {
      this.#status = { ...this.#status, beat: this.#status.beat + 1 };
      await this.#book.setStatus(this.#release, this.#revision, this.#status);
    };
    const next = this.#writing.then(write);
    this.#writing = next.catch(() => {});
    return next;
  }
}
