import { nearest } from "@cpm/base";
import type { Command, OptionTable } from "./command.ts";
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

function bash(commands: readonly CompletedCommand[]): string {
  const cases = commands.map((command) => {
    const flags = Object.keys(command.options).map((name) => `--${name}`);
    const choices = Object.entries(command.options).flatMap(([name, spec]) =>
      spec.choices === undefined
        ? []
        : [`      --${name}) COMPREPLY=($(compgen -W "${spec.choices.join(" ")}" -- "$word")); return ;;`],
    );
    const files = command.completesFiles ? ' COMPREPLY+=($(compgen -f -- "$word"));' : "";
    const previous =
      choices.length === 0 ? [] : ['      case "$previous" in', ...choices.map((line) => `  ${line}`), "      esac"];
    return [
      `    ${command.name})`,
      ...previous,
      `      COMPREPLY=($(compgen -W "${[...flags, ...command.words].join(" ")}" -- "$word"));${files} ;;`,
    ].join("\n");
  });
  return `# bash completion of cpm
_cpm() {
  local word="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map((command) => command.name).join(" ")} --help --version" -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
}
complete -o filenames -F _cpm cpm
`;
}

function zsh(commands: readonly CompletedCommand[]): string {
  const names = commands.map((command) => `    '${command.name}:${quoted(command.summary)}'`);
  const cases = commands.map((command) => {
    const flags = Object.entries(command.options).map(([name, spec]) => {
      const value =
        spec.type === "boolean"
          ? ""
          : `:value:${spec.choices === undefined ? "_files" : `(${spec.choices.join(" ")})`}`;
      return `        '--${name}[${quoted(spec.description)}]${value}'`;
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

function fish(commands: readonly CompletedCommand[]): string {
  const lines = ["# fish completion of cpm", "complete -c cpm -f"];
  for (const command of commands) {
    lines.push(`complete -c cpm -n __fish_use_subcommand -a ${command.name} -d '${quoted(command.summary)}'`);
    const when = `-n '__fish_seen_subcommand_from ${command.name}'`;
    for (const [name, spec] of Object.entries(command.options)) {
      const short = spec.short === undefined ? "" : ` -s ${spec.short}`;
      const value =
        spec.type === "boolean" ? "" : spec.choices === undefined ? " -r -F" : ` -x -a '${spec.choices.join(" ")}'`;
      lines.push(`complete -c cpm ${when} -l ${name}${short}${value} -d '${quoted(spec.description)}'`);
    }
    if (command.completesFiles) lines.push(`complete -c cpm ${when} -F`);
    if (command.words.length > 0) lines.push(`complete -c cpm ${when} -x -a '${command.words.join(" ")}'`);
  }
  return `${lines.join("\n")}\n`;
}

/** Inside single quotes and brackets of all three shells. */
function quoted(text: string): string {
  return text.replaceAll("'", "").replaceAll("[", "(").replaceAll("]", ")").replaceAll(":", " -");
}
