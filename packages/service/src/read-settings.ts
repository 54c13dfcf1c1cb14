import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { nearest } from "@cpm/base";
import type { ProgramSettings } from "./program-settings.ts";
import type { Setting } from "./setting.ts";
import { UsageError } from "./usage-error.ts";

/** A setting's text and where it is from. */
interface SettingText {
  readonly text: string;
  readonly source: string;
  /** The entries of a list, of which the text is made. */
  readonly entries?: readonly string[];
}

/** As it is written; of a list its entries. */
type SettingValue = string | number | boolean | readonly string[];

type FileValues<Name extends string> = Readonly<{ [K in Name]?: SettingValue }>;

/** What is set, by name, each with where it is from. */
export type SettingTexts<Name extends string> = Readonly<Partial<Record<Name, SettingText>>>;

/** Flags of a command's own. */
export type OwnFlags = Readonly<Record<string, { readonly type: "string" | "boolean"; readonly multiple?: boolean }>>;
export type ParsedFlags<Own extends OwnFlags> = ReturnType<typeof parseArgs<{ options: Own }>>["values"] & {
  readonly json?: boolean;
};

/** Reads what `ProgramSettings.read` promises. Throws `UsageError`, or what `parseArgs` throws. */
export function readSettings<Name extends string, Own extends OwnFlags>(
  program: ProgramSettings<Name>,
  own: Own,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): { readonly settings: SettingTexts<Name>; readonly values: ParsedFlags<Own> } {
  const flags = Object.fromEntries(
    program.names
      .filter((name) => !program.isSecret(name))
      .map((name) => [program.flagOf(name), flagKind(program.settingOf(name))] as const),
  );
  const options = { ...flags, ...own, config: { type: "string" }, json: { type: "boolean" } } as const;
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
  if (positionals.length > 0) throw new UsageError(`"${positionals[0] ?? ""}" is one argument too many`);
  const given = values as Readonly<Record<string, SettingValue | undefined>>;
  const path = given["config"] ?? set(environment[program.configVariable]);
  const file = path === undefined ? ({} as FileValues<Name>) : readSettingsFile(program, String(path));
  const settings: Partial<Record<Name, SettingText>> = {};
  for (const name of program.names) {
    const [flag, variable] = [program.flagOf(name), program.variableOf(name)];
    const { type, default: otherwise } = program.settingOf(name);
    const text = set(environment[variable]);
    const found = firstText(
      [given[flag], `--${flag}`],
      [type === "list" ? text?.trim().split(/\s+/) : text, variable],
      [file[name], String(path)],
      [otherwise, "default"],
    );
    if (found !== undefined) settings[name] = found;
  }
  return { settings, values: values as unknown as ParsedFlags<Own> };
}

function flagKind({ type }: Setting): { readonly type: "boolean" | "string"; readonly multiple: boolean } {
  return { type: type === "flag" ? "boolean" : "string", multiple: type === "list" };
}

function firstText(...sources: readonly (readonly [SettingValue | undefined, string])[]): SettingText | undefined {
  const [value, source] = sources.find(([value]) => value !== undefined) ?? [];
  if (value === undefined || source === undefined) return undefined;
  return typeof value === "object"
    ? { text: value.join(" "), source, entries: value }
    : { text: String(value), source };
}

/** An empty variable counts as absent. */
function set(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

/** A flat YAML (or JSON) object. An unknown key is an error, with the one that may have been meant. */
function readSettingsFile<Name extends string>(program: ProgramSettings<Name>, path: string): FileValues<Name> {
  let content: unknown;
  try {
    content = Bun.YAML.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  content ??= {};
  if (typeof content !== "object" || content === null || Array.isArray(content))
    throw new UsageError(`${path} is no list of settings`);
  for (const [key, value] of Object.entries(content)) {
    const name = program.names.find((known) => known === key);
    if (name === undefined) {
      const meant = nearest(key, program.names);
      throw new UsageError(
        `${path}: there is no setting "${key}"${meant === undefined ? "" : `; ${meant} was meant?`}`,
      );
    }
    assertReadable(path, key, value, program.settingOf(name).type === "list");
  }
  return content as FileValues<Name>;
}

function assertReadable(path: string, key: string, value: unknown, isList: boolean): void {
  if (isList && (!Array.isArray(value) || value.some((entry) => typeof entry !== "string")))
    throw new UsageError(`${path}: ${key} is no list of texts`);
  if (!isList && !["string", "number", "boolean"].includes(typeof value))
    throw new UsageError(`${path}: ${key} is no text, number or truth value`);
}
