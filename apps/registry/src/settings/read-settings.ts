import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { nearest } from "@cpm/base";
import { UsageError } from "../commands/usage-error.ts";
import { flagOf, hidden, isSecret, settingNames, settingTable, shownText, variableOf } from "./setting-table.ts";
import type { Setting, SettingName } from "./setting-table.ts";

/** A setting's text and where it is from. */
interface SettingText {
  readonly text: string;
  readonly source: string;
  /** The entries of a list, of which the text is made. */
  readonly entries?: readonly string[];
}

/** As it is written; of a list its entries. */
type SettingValue = string | number | boolean | readonly string[];

export type SettingTexts = Readonly<Partial<Record<SettingName, SettingText>>>;

/**
 * Gathers the settings: a flag comes before the environment, which comes before the file that `--config` or
 * `CPM_REGISTRY_CONFIG` names, which comes before the default. Variables that are none of ours are left alone:
 * Kubernetes makes some for a service of that name. Throws `UsageError`.
 */
export function readSettings(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): SettingTexts {
  return readSettingsAnd({}, args, environment).settings;
}

/** Flags of a command's own. */
type OwnFlags = Readonly<Record<string, { readonly type: "string" | "boolean"; readonly multiple?: boolean }>>;
type ParsedFlags<Own extends OwnFlags> = ReturnType<typeof parseArgs<{ options: Own }>>["values"] & {
  readonly json?: boolean;
};

/** The same for a command that works with what a server is set to, and has flags of its own. */
export function readSettingsAnd<Own extends OwnFlags>(
  own: Own,
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): { readonly settings: SettingTexts; readonly values: ParsedFlags<Own> } {
  const flags = Object.fromEntries(
    settingNames.filter((name) => !isSecret(name)).map((name) => [flagOf(name), flagKind(settingTable[name])] as const),
  );
  const options = { ...flags, ...own, config: { type: "string" }, json: { type: "boolean" } } as const;
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
  if (positionals.length > 0) throw new UsageError(`"${positionals[0] ?? ""}" is one argument too many`);
  const given = values as Readonly<Record<string, SettingValue | undefined>>;
  const path = given["config"] ?? set(environment["CPM_REGISTRY_CONFIG"]);
  const file = path === undefined ? {} : readSettingsFile(String(path));
  const settings = Object.fromEntries(
    settingNames.flatMap((name) => {
      const { type, default: otherwise } = settingTable[name] as Setting;
      const variable = set(environment[variableOf(name)]);
      const found = firstText(
        [given[flagOf(name)], `--${flagOf(name)}`],
        [type === "list" ? variable?.trim().split(/\s+/) : variable, variableOf(name)],
        [file[name], String(path)],
        [otherwise, "default"],
      );
      return found === undefined ? [] : [[name, found]];
    }),
  );
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
function readSettingsFile(path: string): Readonly<Partial<Record<SettingName, SettingValue>>> {
  let content: unknown;
  try {
    content = Bun.YAML.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (content === null) return {};
  if (typeof content !== "object" || Array.isArray(content)) throw new UsageError(`${path} is no list of settings`);
  for (const [key, value] of Object.entries(content)) {
    if (!settingNames.some((name) => name === key)) {
      const meant = nearest(key, settingNames);
      throw new UsageError(
        `${path}: there is no setting "${key}"${meant === undefined ? "" : `; ${meant} was meant?`}`,
      );
    }
    assertReadable(path, key, value);
  }
  return content;
}

function assertReadable(path: string, key: string, value: unknown): void {
  const isList = settingTable[key as SettingName].type === "list";
  if (isList && (!Array.isArray(value) || value.some((entry) => typeof entry !== "string")))
    throw new UsageError(`${path}: ${key} is no list of texts`);
  if (!isList && !["string", "number", "boolean"].includes(typeof value))
    throw new UsageError(`${path}: ${key} is no text, number or truth value`);
}

/** As they may be shown. */
export function withoutSecrets(settings: SettingTexts): SettingTexts {
  const shown = Object.entries(settings).map(([name, { text, source, entries }]) => {
    if (settingNames.some((known) => known === name && isSecret(known))) return [name, { text: hidden, source }];
    const list = entries === undefined ? {} : { entries: entries.map(shownText) };
    return [name, { text: shownText(text), source, ...list }];
  });
  return Object.fromEntries(shown);
}
