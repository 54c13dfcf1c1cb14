import { parseDuration, parseSizeBytes } from "@cpm/base";
import type { SettingTexts } from "./read-settings.ts";
import { shownText } from "./setting.ts";
import { UsageError } from "./usage-error.ts";

const dayMs = 24 * 60 * 60_000;

/** Settings as values of their types. Each method throws `UsageError` that says what is wrong and where it is from. */
export class SettingReader<Name extends string> {
  readonly #settings: SettingTexts<Name>;

  constructor(settings: SettingTexts<Name>) {
    this.#settings = settings;
  }

  text(name: Name): string | undefined {
    return this.#settings[name]?.text;
  }

  required(name: Name): string {
    const text = this.text(name) ?? "";
    if (text === "") throw new UsageError(`--${name} is missing`);
    return text;
  }

  optional(name: Name, expected: string, isRight: (text: string) => boolean): string | undefined {
    return this.parsedIfSet(name, expected, (text) => (isRight(text) ? text : undefined));
  }

  parsedIfSet<T>(name: Name, expected: string, parse: (text: string) => T | undefined): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = parse(text);
    if (value === undefined) throw this.fault(name, expected);
    return value;
  }

  /** Of a setting that must be there. */
  parsed<T>(name: Name, expected: string, parse: (text: string) => T | undefined): T {
    const value = parse(this.required(name));
    if (value === undefined) throw this.fault(name, expected);
    return value;
  }

  flag(name: Name): boolean {
    const text = this.text(name) ?? "false";
    if (text !== "true" && text !== "false") throw this.fault(name, "true or false");
    return text === "true";
  }

  count(name: Name): number {
    const text = this.text(name) ?? "";
    if (!/^[1-9]\d{0,8}$/.test(text)) throw this.fault(name, "a count of at least 1");
    return Number(text);
  }

  /** In bytes; a number alone is one of bytes. */
  size(name: Name): number {
    const text = this.text(name) ?? "";
    const sizeBytes = /^\d{1,9}$/.test(text) ? Number(text) : parseSizeBytes(text);
    if (sizeBytes === undefined || sizeBytes === 0) throw this.fault(name, "a size such as 100GiB or 500MB");
    return sizeBytes;
  }

  /** Where it is from is said for one that is wrong. */
  list(name: Name): { readonly entries: readonly string[]; readonly source: string } {
    const { entries = [], source = "" } = this.#settings[name] ?? {};
    return { entries, source };
  }

  /** In milliseconds. `mostMs`: default a day. */
  duration(name: Name, mostMs: number = dayMs): number {
    const durationMs = parseDuration(this.text(name) ?? "");
    if (durationMs === undefined || durationMs > mostMs)
      throw this.fault(name, `a duration such as 30s, of at most ${mostMs / 1000} s`);
    return durationMs;
  }

  fault(name: Name, expected: string): UsageError {
    const { text = "", source = "" } = this.#settings[name] ?? {};
    return new UsageError(`${name} is "${shownText(text).slice(0, 100)}" (${source}), which is not ${expected}`);
  }
}
