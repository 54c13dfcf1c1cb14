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
}

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
    settingNames
      .filter((name) => !isSecret(name))
      .map((name) => [flagOf(name), { type: settingTable[name].type === "flag" ? "boolean" : "string" }] as const),
  );
  const options = { ...flags, ...own, config: { type: "string" }, json: { type: "boolean" } } as const;
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
  if (positionals.length > 0) throw new UsageError(`"${positionals[0] ?? ""}" is one argument too many`);
  const given = values as Readonly<Record<string, string | boolean | undefined>>;
  const path = given["config"] ?? set(environment["CPM_REGISTRY_CONFIG"]);
  const file = path === undefined ? {} : readSettingsFile(String(path));
  const settings = Object.fromEntries(
    settingNames.flatMap((name) => {
      const found = firstText(
        [given[flagOf(name)], `--${flagOf(name)}`],
        [set(environment[variableOf(name)]), variableOf(name)],
        [file[name], String(path)],
        [(settingTable[name] as Setting).default, "default"],
      );
      return found === undefined ? [] : [[name, found]];
    }),
  );
  return { settings, values: values as unknown as ParsedFlags<Own> };
}

function firstText(...sources: readonly (readonly [unknown, string])[]): SettingText | undefined {
  const found = sources.find(([value]) => value !== undefined);
  return found === undefined ? undefined : { text: String(found[0]), source: found[1] };
}

/** An empty variable counts as absent. */
function set(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

/** A flat YAML (or JSON) object. An unknown key is an error, with the one that may have been meant. */
function readSettingsFile(path: string): Readonly<Partial<Record<SettingName, unknown>>> {
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
    if (!["string", "number", "boolean"].includes(typeof value))
      throw new UsageError(`${path}: ${key} is no text, number or truth value`);
  }
  return content;
}

/** As they may be shown. */
export function withoutSecrets(settings: SettingTexts): SettingTexts {
  return Object.fromEntries(
    Object.entries(settings).map(([name, setting]) => [
      name,
      {
        ...setting,
        text: settingNames.some((known) => known === name && isSecret(known)) ? hidden : shownText(setting.text),
      },
    ]),
  );
}
