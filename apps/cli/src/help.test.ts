import { expect, test } from "bun:test";
import { displayWidth } from "./output/terminal-text.ts";
import { completion } from "./commands/completion.ts";
import { search } from "./commands/search.ts";
import { commandTable } from "./command-table.ts";
import { commandHelp, overviewHelp, usageLine } from "./help.ts";

test("the overview shows two examples, every command under what it is for, and the exit statuses", () => {
  expect(overviewHelp(80)).toMatchInlineSnapshot(`
    "cpm, the Colony Package Manager: share, verify and run packages on ColonyOS.

      cpm init hello                       start a package
      cpm install rise/wordcount --wait    install one and watch it run

    Write packages:
      init        Start a package
      lint        Check a package
      render      Show what a package would submit
      pack        Make the package's files into one artifact
      lock        Choose and write down the versions a package needs
      update      Move locked versions to newer ones
      outdated    Show which locked versions are not the newest
      tree        Show what a package needs, as a tree
      why         Show why a package is needed

    Share packages:
      bundle      Put what a lockfile names into one file that travels
      publish     Put a version into a registry
      sign        Sign a version with your key
      verify      Check signatures, or the packages of nodes
      yank        Keep others from choosing a version
      deprecate   Advise against a package or a version
      search      Find packages
      info        Show a package
      resolve     Show which versions some requirements come to
      login       Remember the credentials of a registry
      logout      Forget the credentials of a registry

    Run packages:
      install     Install a package into a colony
      apply       Carry out a saved plan
      list        List the releases of a colony
      status      Show how a release stands
      history     Show the revisions of a release
      logs        Show what a release's processes print
      uninstall   Remove a release from a colony
      colony      Prepare a colony for releases

    This machine:
      agent       Run the agent on a machine, enroll it in a colony
      dev         Run a colony and a registry on this machine
      doctor      Check this machine, the registry and the colony
      completion  Print the completion script of a shell

    Use \`cpm COMMAND --help\` for a command, \`cpm --version\` for the version.
    Exit status: 0 done · 1 failure · 2 wrong usage or input · 3 differences found ·
    4 not authenticated · 5 not found · 6 conflict, or requirements that cannot be
    met · 7 refused: integrity, policy or permission · 8 timeout · 130 interrupted.
    "
  `);
});

test("a command's help begins with what it does and examples", () => {
  expect(commandHelp(search, 80)).toMatchInlineSnapshot(`
    "Find packages.

    Without words it lists all packages. Needs a registry with a package index, such
    as cpm-registry.

    Examples:
      cpm search wordcount
          Packages about it.
      cpm search --executor container-executor --platform linux/arm64
          What runs there.
      cpm search --json
          All of them, for a program.

    Usage: cpm search [words...] [options]

    Arguments:
      [words...]  parts of names, descriptions and keywords

    Options:
          --registry HOST     The registry (CPM_REGISTRY).
          --limit N           How many to show. Default 20.
          --offset N          How many to leave out first.
          --keyword WORD      Only packages with this keyword. Can be given again.
          --owner NAME        Only packages of this namespace, or of those that this
                              user owns. Can be given again.
          --executor TYPE     Only packages that require this executor type. Can be
                              given again.
          --platform OS/ARCH  Only packages that can be placed on this platform. Can
                              be given again.
          --json              Print data and errors as JSON.
      -q, --quiet             Print no progress and no notes.
      -h, --help              Show how the command is used.
    "
  `);
  expect(commandHelp(completion, 80)).toMatchInlineSnapshot(`
    "Print the completion script of a shell.

    Examples:
      source <(cpm completion bash)
          Complete in this bash.
      cpm completion zsh > ~/.zfunc/_cpm
          Complete in every zsh.
      cpm completion fish | source
          Complete in this fish.

    Usage: cpm completion <shell> [options]

    Arguments:
      <shell>  bash, zsh, fish

    Options:
          --json   Print data and errors as JSON.
      -q, --quiet  Print no progress and no notes.
      -h, --help   Show how the command is used.
    "
  `);
});

test("arguments are shown as the command line takes them", () => {
  expect(usageLine(search)).toBe("cpm search [words...] [options]");
  expect(usageLine(completion)).toBe("cpm completion <shell> [options]");
});

test.each([60, 80, 100, 200])("help fits a terminal of %i columns wherever its words do", async (columns) => {
  for (const entry of commandTable) {
    const command = await entry.load();
    const examples = new Set(
      command.examples.flatMap(({ line, description }) => [`  ${line}`, `      ${description}`]),
    );
    const broken = commandHelp(command, columns)
      .split("\n")
      .filter((line) => !examples.has(line) && line.includes(" ", 12) && !line.startsWith("Usage"));
    expect(Math.max(...broken.map(displayWidth))).toBeLessThanOrEqual(Math.min(100, columns));
  }
});
