import { createError } from "@cpm/base";
import type { CpmError } from "@cpm/base";
import { templateErrors } from "./errors.ts";
import type { TemplateLimits } from "./limits.ts";

/** What one rendering has spent. Once exhausted it stays so, and every further charge fails. */
export class Budget {
  readonly #limits: TemplateLimits;
  #steps = 0;
  #values = 0;
  #length = 0;
  #exhausted: CpmError | undefined;

  constructor(limits: TemplateLimits) {
    this.#limits = limits;
  }

  get exhausted(): CpmError | undefined {
    return this.#exhausted;
  }

  /** Steps spent; more than the limit by the one charge that went over it. */
  get steps(): number {
    return this.#steps;
  }

  /** Pays before the work is done. Throws `template/budget`, which an expression may swallow, but not `exhausted`. */
  chargeSteps(count: number): void {
    if (this.#exhausted !== undefined) throw this.#exhausted;
    this.#steps += count;
    if (this.#steps > this.#limits.maxSteps) this.#fail(`more than ${this.#limits.maxSteps} evaluation steps`);
  }

  /** One value of the output, with the text it carries, at this depth. */
  chargeOutput(depth: number, length = 0): void {
    this.#values++;
    this.#length += length;
    if (depth > this.#limits.maxDepth) this.#fail(`output nested deeper than ${this.#limits.maxDepth} levels`);
    if (this.#values > this.#limits.maxOutputValues)
      this.#fail(`more than ${this.#limits.maxOutputValues} values of output`);
    if (this.#length > this.#limits.maxOutputLength)
      this.#fail(`more than ${this.#limits.maxOutputLength} characters of output`);
  }

  #fail(message: string): never {
    this.#exhausted ??= createError(templateErrors, "template/budget", `the template needs ${message}`);
    throw this.#exhausted;
  }
}
