import { nearest, parseDuration } from "@cpm/base";
import type { ArgumentSpec, OptionSpec, OptionTable } from "./command.ts";
import { unknownOption, usageError } from "./errors.ts";

export interface ParsedArguments {
  readonly options: Readonly<Record<string, unknown>>;
  readonly args: readonly string[];
}

/**
 * argv → options, by a command's table: `--name value`, `--name=value`, `-n value`, `--flag`, `--no-flag`, and
 * `--` before what only looks like a flag. Throws `cli/unknown-option` and `cli/usage`.
 */
export function parseOptions(
  argv: readonly string[],
  table: OptionTable,
  expected: readonly ArgumentSpec[],
): ParsedArguments {
  const options: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(table)) options[name] = spec.type === "strings" ? [] : undefined;
  const args: string[] = [];
  const rest = [...argv];
  for (let token = rest.shift(); token !== undefined; token = rest.shift()) {
    if (token === "--") {
      args.push(...rest.splice(0));
    } else if (token.startsWith("--")) {
      setLong(token, rest, table, options);
    } else if (/^-[A-Za-z]/.test(token)) {
      setShort(token, rest, table, options);
    } else {
      args.push(token);
    }
  }
  checkArguments(args, expected);
  return { options, args };
}

function setLong(token: string, rest: string[], table: OptionTable, options: Record<string, unknown>): void {
  const [flag, inline] = splitOnce(token, "=");
  const name = flag.slice(2);
  const spec = Object.hasOwn(table, name) ? table[name] : undefined;
  if (spec !== undefined) return set(name, spec, inline, rest, options);
  const positive = name.startsWith("no-") ? name.slice(3) : "";
  if (Object.hasOwn(table, positive) && table[positive]?.type === "boolean" && inline === undefined) {
    options[positive] = false;
    return;
  }
  throw unknownOption(flag, nearest(name, Object.keys(table)));
}

function setShort(token: string, rest: string[], table: OptionTable, options: Record<string, unknown>): void {
  const letter = token.charAt(1);
  const found = Object.entries(table).find(([, spec]) => spec.short === letter);
  if (found === undefined) throw unknownOption(`-${letter}`, undefined);
  const [name, spec] = found;
  const attached = token.slice(2);
  if (attached.startsWith("=") && spec.type === "boolean") throw usageError(`--${name} takes no value`);
  if (attached !== "" && spec.type === "boolean") rest.unshift(`-${attached}`);
  set(name, spec, attached !== "" && spec.type !== "boolean" ? attached.replace(/^=/, "") : undefined, rest, options);
}

function set(
  name: string,
  spec: OptionSpec,
  inline: string | undefined,
  rest: string[],
  options: Record<string, unknown>,
): void {
  if (spec.type === "boolean") {
    if (inline !== undefined && inline !== "true" && inline !== "false") throw usageError(`--${name} takes no value`);
    options[name] = inline !== "false";
    return;
  }
  const text = inline ?? rest.shift();
  if (text === undefined) throw usageError(`--${name} needs a value`);
  const before = options[name];
  options[name] = spec.type === "strings" && Array.isArray(before) ? [...before, text] : convert(name, spec, text);
}

function convert(name: string, spec: OptionSpec, text: string): unknown {
  if (spec.choices !== undefined && !spec.choices.includes(text)) {
    const meant = nearest(text, spec.choices);
    throw usageError(
      `--${name} cannot be "${text}"`,
      meant === undefined ? `It is one of ${spec.choices.join(", ")}.` : `Did you mean "${meant}"?`,
    );
  }
  if (spec.type === "integer") {
    if (!/^-?\d{1,15}$/.test(text)) throw usageError(`--${name} needs a whole number, not "${text}"`);
    return Number(text);
  }
  if (spec.type === "duration") {
    const durationMs = parseDuration(text);
    if (durationMs === undefined)
      throw usageError(`--${name} needs a duration, not "${text}"`, "Write 30s, 5m, 1h30m.");
    return durationMs;
  }
  return text;
}

function checkArguments(args: readonly string[], expected: readonly ArgumentSpec[]): void {
  const missing = expected.find((spec, index) => spec.optional !== true && args[index] === undefined);
  if (missing !== undefined) throw usageError(`${missing.name} is missing: ${missing.description}`);
  const last = expected.at(-1);
  if (last?.repeated !== true && args.length > expected.length) {
    throw usageError(`unexpected argument "${args[expected.length] ?? ""}"`);
  }
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
