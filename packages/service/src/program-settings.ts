import { readSettings } from "./read-settings.ts";
import type { OwnFlags, ParsedFlags, SettingTexts } from "./read-settings.ts";
import { hidden, shownText } from "./setting.ts";
import type { Setting } from "./setting.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The settings of one program: each by a flag `--kebab-case`, a variable `PREFIX_UPPER_CASE` and a key of a YAML file. */
export class ProgramSettings<Name extends string> {
  readonly names: readonly Name[];
  /** Names the file, where `--config` does not. */
  readonly configVariable: string;
  readonly #table: Readonly<Record<Name, Setting>>;
  readonly #prefix: string;

  constructor(prefix: string, table: Readonly<Record<Name, Setting>>) {
    this.#prefix = prefix;
    this.#table = table;
    this.names = Object.keys(table) as Name[];
    this.configVariable = `${prefix}_CONFIG`;
  }

  settingOf(name: Name): Setting {
    return this.#table[name];
  }

  isSecret(name: Name): boolean {
    return this.#table[name].secret === true;
  }

  flagOf(name: Name): string {
    return this.#table[name].flag ?? toKebabCase(name);
  }

  variableOf(name: Name): string {
    return `${this.#prefix}_${toKebabCase(name).replaceAll("-", "_").toUpperCase()}`;
  }

  /**
   * Gathers the settings: a flag comes before the environment, which comes before the file, which comes before the default.
   * Variables that are none of ours are left alone: Kubernetes makes some for a service of that name. Throws `UsageError`.
   */
  read(args: readonly string[], environment: Environment): SettingTexts<Name> {
    return readSettings(this, {}, args, environment).settings;
  }

  /** The same for a command that works with what a server is set to, and has flags of its own. */
  readWith<Own extends OwnFlags>(
    own: Own,
    args: readonly string[],
    environment: Environment,
  ): { readonly settings: SettingTexts<Name>; readonly values: ParsedFlags<Own> } {
    return readSettings(this, own, args, environment);
  }

  /** One sentence for each variable that looks like one of the program's and is none: it may be a slip of the pen. */
  strangeVariables(environment: Environment, ...others: readonly string[]): readonly string[] {
    const known = new Set([this.configVariable, ...others, ...this.names.map((name) => this.variableOf(name))]);
    return Object.keys(environment)
      .filter((name) => name.startsWith(this.#prefix) && !known.has(name))
      .map((name) => `${name} is set and is none of this program's variables`);
  }

  /** As they may be shown. */
  withoutSecrets(settings: SettingTexts<Name>): SettingTexts<Name> {
    const shown: Partial<Record<Name, SettingTexts<Name>[Name]>> = {};
    for (const name of this.names) {
      const found = settings[name];
      if (found === undefined) continue;
      const { text, source, entries } = found;
      const list = entries === undefined ? {} : { entries: entries.map(shownText) };
      shown[name] = this.isSecret(name) ? { text: hidden, source } : { text: shownText(text), source, ...list };
    }
    return shown;
  }

  /** The part of the help that is about settings, their meanings from column `column` on. */
  describe(column: number): string {
    return this.names
      .map((name) => {
        const { type = "text", meaning, value = type.toUpperCase(), default: otherwise } = this.#table[name];
        const left = this.isSecret(name)
          ? this.variableOf(name)
          : `--${this.flagOf(name)}${type === "flag" ? "" : ` ${value}`}`;
        const suffix = this.isSecret(name)
          ? "; this variable or the file only, no flag"
          : otherwise === undefined
            ? ""
            : ` (default ${otherwise})`;
        return `  ${left.padEnd(column - 2)}${meaning}${suffix}`;
      })
      .join("\n");
  }
}

function toKebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
