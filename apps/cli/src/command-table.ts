import type { Command } from "./command.ts";

/** A command by name, with what help and completion need before its file is loaded. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly group: "author" | "registry" | "colony" | "machine";
  load(): Promise<Command>;
}

/** Every command, in the order of `cpm --help`. The files are loaded when their command runs. */
export const commandTable: readonly CommandEntry[] = [
  {
    name: "init",
    group: "author",
    summary: "Start a package",
    load: async () => (await import("./commands/init.ts")).init,
  },
  {
    name: "lint",
    group: "author",
    summary: "Check a package",
    load: async () => (await import("./commands/lint.ts")).lint,
  },
  {
    name: "render",
    group: "author",
    summary: "Show what a package would submit",
    load: async () => (await import("./commands/render.ts")).render,
  },
  {
    name: "pack",
    group: "author",
    summary: "Make the package's files into one artifact",
    load: async () => (await import("./commands/pack.ts")).pack,
  },
  {
    name: "lock",
    group: "author",
    summary: "Choose and write down the versions a package needs",
    load: async () => (await import("./commands/lock.ts")).lock,
  },
  {
    name: "update",
    group: "author",
    summary: "Move locked versions to newer ones",
    load: async () => (await import("./commands/update.ts")).update,
  },
  {
    name: "outdated",
    group: "author",
    summary: "Show which locked versions are not the newest",
    load: async () => (await import("./commands/outdated.ts")).outdated,
  },
  {
    name: "tree",
    group: "author",
    summary: "Show what a package needs, as a tree",
    load: async () => (await import("./commands/tree.ts")).tree,
  },
  {
    name: "why",
    group: "author",
    summary: "Show why a package is needed",
    load: async () => (await import("./commands/why.ts")).why,
  },
  {
    name: "bundle",
    group: "registry",
    summary: "Put what a lockfile names into one file that travels",
    load: async () => (await import("./commands/bundle.ts")).bundle,
  },
  {
    name: "publish",
    group: "registry",
    summary: "Put a version into a registry",
    load: async () => (await import("./commands/publish.ts")).publish,
  },
  {
    name: "sign",
    group: "registry",
    summary: "Sign a version with your key",
    load: async () => (await import("./commands/sign.ts")).sign,
  },
  {
    name: "verify",
    group: "registry",
    summary: "Check signatures, or the packages of nodes",
    load: async () => (await import("./commands/verify.ts")).verify,
  },
  {
    name: "yank",
    group: "registry",
    summary: "Keep others from choosing a version",
    load: async () => (await import("./commands/yank.ts")).yank,
  },
  {
    name: "deprecate",
    group: "registry",
    summary: "Advise against a package or a version",
    load: async () => (await import("./commands/deprecate.ts")).deprecate,
  },
  {
    name: "search",
    group: "registry",
    summary: "Find packages",
    load: async () => (await import("./commands/search.ts")).search,
  },
  {
    name: "info",
    group: "registry",
    summary: "Show a package",
    load: async () => (await import("./commands/info.ts")).info,
  },
  {
    name: "resolve",
    group: "registry",
    summary: "Show which versions some requirements come to",
    load: async () => (await import("./commands/resolve.ts")).resolve,
  },
  {
    name: "login",
    group: "registry",
    summary: "Remember the credentials of a registry",
    load: async () => (await import("./commands/login.ts")).login,
  },
  {
    name: "logout",
    group: "registry",
    summary: "Forget the credentials of a registry",
    load: async () => (await import("./commands/logout.ts")).logout,
  },
  {
    name: "install",
    group: "colony",
    summary: "Install a package into a colony",
    load: async () => (await import("./commands/install.ts")).install,
  },
  {
    name: "apply",
    group: "colony",
    summary: "Carry out a saved plan",
    load: async () => (await import("./commands/apply.ts")).apply,
  },
  {
    name: "list",
    group: "colony",
    summary: "List the releases of a colony",
    load: async () => (await import("./commands/list.ts")).list,
  },
  {
    name: "status",
    group: "colony",
    summary: "Show how a release stands",
    load: async () => (await import("./commands/status.ts")).status,
  },
  {
    name: "history",
    group: "colony",
    summary: "Show the revisions of a release",
    load: async () => (await import("./commands/history.ts")).history,
  },
  {
    name: "logs",
    group: "colony",
    summary: "Show what a release's processes print",
    load: async () => (await import("./commands/logs.ts")).logs,
  },
  {
    name: "uninstall",
    group: "colony",
    summary: "Remove a release from a colony",
    load: async () => (await import("./commands/uninstall.ts")).uninstall,
  },
  {
    name: "colony",
    group: "colony",
    summary: "Prepare a colony for releases",
    load: async () => (await import("./commands/colony.ts")).colony,
  },
  {
    name: "agent",
    group: "machine",
    summary: "Run the agent on a machine, enroll it in a colony",
    load: async () => (await import("./commands/agent.ts")).agent,
  },
  {
    name: "dev",
    group: "machine",
    summary: "Run a colony and a registry on this machine",
    load: async () => (await import("./commands/dev.ts")).dev,
  },
  {
    name: "doctor",
    group: "machine",
    summary: "Check this machine, the registry and the colony",
    load: async () => (await import("./commands/doctor.ts")).doctor,
  },
  {
    name: "completion",
    group: "machine",
    summary: "Print the completion script of a shell",
    load: async () => (await import("./commands/completion.ts")).completion,
  },
];

export const groupTitles: Readonly<Record<CommandEntry["group"], string>> = {
  author: "Write packages",
  registry: "Share packages",
  colony: "Run packages",
  machine: "This machine",
};
