import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isCpmError } from "@cpm/base";
import { commandTable } from "./command-table.ts";
import { completionScript } from "./completion.ts";

/** What the shell itself offers for a line whose last word is being typed. */
type Complete = (line: string) => readonly string[];

const folder = mkdtempSync(join(tmpdir(), "cpm-completion-"));
beforeAll(() => {
  mkdirSync(join(folder, "hello"));
  for (const name of ["values.yaml", "with space.cpm"]) writeFileSync(join(folder, name), "");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(command: readonly string[], input = ""): readonly string[] {
  const { stdout, stderr, exitCode } = Bun.spawnSync([...command], {
    cwd: folder,
    stdin: Buffer.from(input),
    env: { PATH: process.env["PATH"], HOME: folder, TERM: "dumb" },
  });
  if (exitCode !== 0) throw new Error(`${command[0]} ended with ${exitCode}: ${stderr.toString()}`);
  return stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "");
}

/** Bash as it calls a completion function: the words are split at `=` too. */
function bash(script: string): Complete {
  return (line) => {
    const words = line.split(/ |(=)/).filter((word) => word !== undefined);
    const array = words.map((word) => `'${word}'`).join(" ");
    const ask = `COMP_WORDS=(${array}); COMP_CWORD=${words.length - 1}; _cpm; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return run(["bash", "--norc", "-c", `${script}\n${ask}`]);
  };
}

function fish(script: string): Complete {
  return (line) =>
    run(["fish", "--no-config", "-c", `${script}\ncomplete -C ${JSON.stringify(line)}`]).map((found) => {
      const [word = ""] = found.split("\t");
      return word.replace(/\/$/, "").replaceAll("\\ ", " ");
    });
}

/** Zsh has no call that answers completions, so a terminal is opened in it and Tab is pressed. */
function zsh(script: string): Complete {
  return (line) => {
    const program = `
zmodload zsh/zpty
TRAPEXIT() { zpty -d inner 2>/dev/null; true }
zpty inner 'PS1= zsh -f -i'
zpty -w inner "autoload -Uz compinit; compinit -D -u; source $1; zstyle ':completion:*' list-grouped false; LISTMAX=1000; bindkey '^I' complete-word; unsetopt menu_complete auto_menu; setopt list_ambiguous
compadd () { builtin compadd -A found \\"\\$@\\" 2>/dev/null; builtin compadd \\"\\$@\\"; local code=\\$?; print -rl -- OFFER:\\$^found >> $2; return code }"
zpty -w inner "print READY > $2.ready"
for turn in {1..200}; do [[ -e $2.ready ]] && break; sleep 0.05; done
zpty -n -w inner "$3"$'\\t'
zpty -n -w inner $'\\C-u'"print DONE > $2.done"$'\\n'
for turn in {1..200}; do [[ -e $2.done ]] && break; zpty -r -t inner _ignored; sleep 0.05; done
[[ -e $2.done ]]
`;
    const answers = mkdtempSync(join(tmpdir(), "cpm-zsh-"));
    const [file, answer] = [join(answers, "_cpm"), join(answers, "answer")];
    writeFileSync(file, script);
    writeFileSync(answer, "");
    try {
      run(["zsh", "-f", "-c", program, "zsh", file, answer, line]);
      const offers = run(["cat", answer]).flatMap((found) =>
        found === "OFFER:" ? [] : [found.replace("OFFER:", "").replaceAll("\\ ", " ")],
      );
      // Zsh tries a match as it was typed and again as a pattern.
      return [...new Set(offers)];
    } finally {
      rmSync(answers, { recursive: true, force: true });
    }
  };
}

const shells: Readonly<Record<string, (script: string) => Complete>> = { bash, zsh, fish };

for (const [shell, start] of Object.entries(shells)) {
  const absent = Bun.which(shell) === null;
  if (absent) process.stderr.write(`completion is not tried in ${shell}: it is not installed\n`);
  describe.skipIf(absent)(`completion in ${shell}${absent ? ", which is not installed" : ""}`, () => {
    let complete: Complete;
    beforeAll(async () => {
      complete = start(await completionScript(shell));
    });
    test("offers every command", () => {
      expect(complete("cpm ")).toEqual(expect.arrayContaining(commandTable.map((entry) => entry.name)));
    });
    test("offers the commands that begin so", () => {
      expect(complete("cpm in").toSorted()).toEqual(["info", "init", "install"]);
    });
    test("offers the flags of a command and no other's", () => {
      const flags = complete("cpm install --");
      expect(flags.map(flagName)).toEqual(expect.arrayContaining(["--set", "--dry-run", "--wait", "--json"]));
      expect(flags.map(flagName)).not.toContain("--password-stdin");
    });
    test("offers the choices of a flag alone, written with a space or with =", () => {
      expect(complete("cpm init --template ").toSorted()).toEqual(["cron", "function", "workflow"]);
      expect(complete("cpm init --template=w").map((word) => word.replace("--template=", ""))).toEqual(["workflow"]);
    });
    test("offers the words of a command's argument", () => {
      expect(complete("cpm dev ")).toEqual(expect.arrayContaining(["up", "down", "status", "run"]));
    });
    test("offers files where a file is meant, also with spaces in their names", () => {
      expect(complete("cpm install ./").map((word) => word.replace(/^\.\//, ""))).toEqual(
        expect.arrayContaining(["hello", "with space.cpm"]),
      );
      expect(complete("cpm install x --values v")).toEqual(["values.yaml"]);
    });
    test("offers no files where none is meant", () => {
      expect(complete("cpm status v")).toEqual([]);
      expect(complete("cpm install x --name v")).toEqual([]);
    });
  });
}

test("an unknown shell is refused with those that there are", async () => {
  for (const [shell, hint] of [
    ["fihs", "Did you mean fish?"],
    ["powershell", "There is bash, zsh and fish."],
    ["toString", "There is bash, zsh and fish."],
  ] as const) {
    const error = await completionScript(shell).catch((thrown: unknown) => thrown);
    expect(isCpmError(error, "cli/usage") && error.hint).toBe(hint);
  }
});

function flagName(word: string): string {
  return word.replace(/=$/, "");
}
