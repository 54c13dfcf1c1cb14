/** What the server answers in place of a reply: its status, and its words to the letter. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
