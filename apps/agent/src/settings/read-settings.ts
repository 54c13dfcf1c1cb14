import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { nearest } from "@cpm/base";
import { UsageError } from "../commands/usage-error.ts";
import { flagOf, settingNames, settingOf, variableOf } from "./setting-table.ts";
import type { SettingName } from "./setting-table.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting's text and where it is from. */
export interface SettingText {
  readonly text: string;
  readonly source: string;
}

export type SettingTexts = Readonly<Partial<Record<SettingName, SettingText>>>;

/**
 * Gathers the settings: a flag comes before the environment, which comes before the file that `--config` or
 * `CPM_AGENT_CONFIG` names, which comes before the default. Throws `UsageError`.
 */
export function readSettings(args: readonly string[], environment: Environment): SettingTexts {
  const flags = Object.fromEntries(settingNames.map((name) => [flagOf(name), { type: "string" }] as const));
  const options = { ...flags, config: { type: "string" }, json: { type: "boolean" } } as const;
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
  if (positionals.length > 0) throw new UsageError(`"${positionals[0] ?? ""}" is one argument too many`);
  const given = values as Readonly<Record<string, string | boolean | undefined>>;
  const path = given["config"] ?? set(environment["CPM_AGENT_CONFIG"]);
  const file = path === undefined ? {} : readSettingsFile(String(path));
  return Object.fromEntries(
    settingNames.flatMap((name) => {
      const candidates = [
        [given[flagOf(name)], `--${flagOf(name)}`],
        [set(environment[variableOf(name)]), variableOf(name)],
        [file[name], String(path)],
        [settingOf(name).default, "default"],
      ] as const;
      const found = candidates.find(([value]) => value !== undefined);
      return found === undefined ? [] : [[name, { text: String(found[0]), source: found[1] }]];
    }),
  );
}

/** An empty variable counts as absent. */
function set(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

/** A flat YAML (or JSON) object. An unknown key is an error, with the one that may have been meant. */
function readSettingsFile(path: string): Readonly<Partial<Record<SettingName, unknown>>> {
  let content: unknown;
  try {
    content = Bun.YAML.parse(readFileSync(path, "utf8")) ?? {};
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof content !== "object" || content === null || Array.isArray(content))
    throw new UsageError(`${path} is no list of settings`);
  for (const [key, value] of Object.entries(content)) {
    const known = settingNames.some((name) => name === key);
    const meant = known ? undefined : nearest(key, settingNames);
    if (!known)
      throw new UsageError(
        `${path}: there is no setting "${key}"${meant === undefined ? "" : `; ${meant} was meant?`}`,
      );
    if (typeof value !== "string" && typeof value !== "number") throw new UsageError(`${path}: ${key} is no text`);
  }
  return content;
}
