import { nearest } from "@cpm/base";
import type { Command, OptionSpec, OptionTable } from "./command.ts";
import { globalOptions } from "./command.ts";
import { commandTable } from "./command-table.ts";
import { usageError } from "./errors.ts";

interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  readonly options: OptionTable;
  readonly completesFiles: boolean;
  /** Words that the first argument can be, such as `up` of `dev`. */
  readonly words: readonly string[];
}

const writers: Readonly<Record<string, (commands: readonly CompletedCommand[]) => string>> = { bash, zsh, fish };

/** The script that makes a shell complete commands, flags, their choices and files. Throws `cli/usage` for another shell. */
export async function completionScript(shell: string): Promise<string> {
  const writer = Object.hasOwn(writers, shell) ? writers[shell] : undefined;
  if (writer === undefined) {
    const meant = nearest(shell, Object.keys(writers));
    throw usageError(
      `there is no completion for "${shell}"`,
      meant === undefined ? "There is bash, zsh and fish." : `Did you mean ${meant}?`,
    );
  }
  const commands = await Promise.all(commandTable.map(async (entry) => describe(await entry.load())));
  return writer(commands);
}

function describe(command: Command): CompletedCommand {
  const first = command.arguments[0];
  return {
    name: command.name,
    summary: command.summary,
    options: { ...command.options, ...globalOptions },
    completesFiles: command.arguments.some((argument) => argument.complete === "files"),
    words: first !== undefined && /^[a-z]+(, [a-z]+)+$/.test(first.description) ? first.description.split(", ") : [],
  };
}

/**
 * Bash splits `--flag=value` into three words, and a file name with spaces must stay one: both are why this does not
 * call `compgen` in the plain way.
 */
function bash(commands: readonly CompletedCommand[]): string {
  const cases = commands.map((command) => {
    const flags = Object.keys(command.options).map((name) => `--${name}`);
    const files = command.completesFiles ? "; _cpm_files" : "";
    return [
      `    ${command.name})`,
      '      case "$previous" in',
      ...Object.entries(command.options).flatMap(([name, spec]) => bashValue(name, spec)),
      "      esac",
      `      _cpm_words "${[...flags, ...command.words].join(" ")}"${files} ;;`,
    ].join("\n");
  });
  return `# bash completion of cpm
_cpm_words() {
  COMPREPLY+=($(compgen -W "$1" -- "$word"))
}
_cpm_files() {
  local name
  while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -f -- "$word")
}
_cpm() {
  local word="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  if [ "$word" = "=" ]; then
    word=""
  elif [ "$previous" = "=" ]; then
    previous="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  if [ "$COMP_CWORD" -eq 1 ] || [ "$COMP_CWORD" -eq 2 -a "\${COMP_WORDS[1]}" = help ]; then
    _cpm_words "${commands.map((command) => command.name).join(" ")} help --help --version"
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
}
complete -o filenames -F _cpm cpm
`;
}

/** What comes after a flag: its choices, files where it names one, nothing that we know otherwise. */
function bashValue(name: string, spec: OptionSpec): readonly string[] {
  if (spec.type === "boolean") return [];
  const short = spec.short === undefined ? "" : `|-${spec.short}`;
  const action =
    spec.choices === undefined ? (takesFile(spec) ? "_cpm_files" : ":") : `_cpm_words "${spec.choices.join(" ")}"`;
  return [`        --${name}${short}) ${action}; return ;;`];
}

function takesFile(spec: OptionSpec): boolean {
  return spec.value === "FILE";
}

function zsh(commands: readonly CompletedCommand[]): string {
  const names = commands.map((command) => `    '${command.name}:${quoted(command.summary)}'`);
  const cases = commands.map((command) => {
    const flags = Object.entries(command.options).map(([name, spec]) => {
      const again = spec.type === "strings" ? "*" : "";
      const equals = spec.type === "boolean" ? "" : "=";
      return `        '${again}--${name}${equals}[${quoted(spec.description)}]${zshValue(spec)}'`;
    });
    const rest = command.completesFiles
      ? "'*:file:_files'"
      : command.words.length > 0
        ? `'1:what:(${command.words.join(" ")})'`
        : "'*: :'";
    return `      ${command.name}) _arguments \\\n${flags.join(" \\\n")} \\\n        ${rest} ;;`;
  });
  return `#compdef cpm
_cpm() {
  local -a commands
  commands=(
${names.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join("\n")}
  esac
}
if [ "$funcstack[1]" = "_cpm" ]; then _cpm "$@"; else compdef _cpm cpm; fi
`;
}

function zshValue(spec: OptionSpec): string {
  if (spec.type === "boolean") return "";
  if (spec.choices !== undefined) return `:value:(${spec.choices.join(" ")})`;
  return takesFile(spec) ? ":file:_files" : ":value: ";
}

function fish(commands: readonly CompletedCommand[]): string {
  const lines = ["# fish completion of cpm", "complete -c cpm -f"];
  for (const command of commands) {
    lines.push(`complete -c cpm -n __fish_use_subcommand -a ${command.name} -d '${quoted(command.summary)}'`);
    const when = `-n '__fish_seen_subcommand_from ${command.name}'`;
    for (const [name, spec] of Object.entries(command.options)) {
      const short = spec.short === undefined ? "" : ` -s ${spec.short}`;
      lines.push(`complete -c cpm ${when} -l ${name}${short}${fishValue(spec)} -d '${quoted(spec.description)}'`);
    }
    if (command.completesFiles) lines.push(`complete -c cpm ${when} -F`);
    if (command.words.length > 0) lines.push(`complete -c cpm ${when} -x -a '${command.words.join(" ")}'`);
  }
  return `${lines.join("\n")}\n`;
}

function fishValue(spec: OptionSpec): string {
  if (spec.type === "boolean") return "";
  if (spec.choices !== undefined) return ` -x -a '${spec.choices.join(" ")}'`;
  return takesFile(spec) ? " -r -F" : " -x";
}

/** Inside single quotes and brackets of all three shells. */
function quoted(text: string): string {
  return text.replaceAll("'", "").replaceAll("[", "(").replaceAll("]", ")").replaceAll(":", " -");
}
