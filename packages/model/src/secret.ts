const shown = "***";

/**
 * A value that is never shown: text, JSON and console output of it are `***`. Only `reveal` gives the value,
 * and only the code that sends it to the colony calls that.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return shown;
  }

  toJSON(): string {
    return shown;
  }
}

// What Node's and Bun's console call for an object; a computed method cannot be declared in the class itself.
Object.defineProperty(Secret.prototype, Symbol.for("nodejs.util.inspect.custom"), { value: () => shown });
