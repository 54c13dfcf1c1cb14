import type { Origin } from "./authenticator.ts";

/** A client's address, or how to ask for it, which costs a system call: few requests need it. */
export type ClientAddress = string | (() => string | undefined);

/** Where a request comes from, and who it turned out to be from. */
export class RequestOrigin implements Origin {
  readonly requestId: string;
  /** Once that is known. */
  actor: string | undefined;
  #address: ClientAddress | undefined;

  constructor(requestId: string, address: ClientAddress | undefined) {
    this.requestId = requestId;
    this.#address = address;
  }

  /** `unknown` where it cannot be told, as of a connection that is closed when it is first asked for. */
  get address(): string {
    if (typeof this.#address === "string") return this.#address;
    return (this.#address = this.#address?.() ?? "unknown");
  }

  onActor(actor: string): void {
    this.actor = actor;
  }
}
