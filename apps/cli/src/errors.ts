import type { CpmError } from "@cpm/base";
import { createError } from "@cpm/base";

export const cliErrors = {
  "cli/usage": { kind: "invalid_argument", title: "The command line is wrong", hint: "Run the command with --help." },
  "cli/unknown-command": {
    kind: "invalid_argument",
    title: "There is no such command",
    hint: "Run `cpm --help` for the list.",
  },
  "cli/unknown-option": {
    kind: "invalid_argument",
    title: "There is no such option",
    hint: "Run the command with --help.",
  },
  "cli/missing-setting": {
    kind: "invalid_argument",
    title: "Something is not configured",
    hint: "`cpm doctor` shows what is configured.",
  },
  "cli/no-file": {
    kind: "not_found",
    title: "A file that was named is not there",
    hint: "Check the path; it begins where the command runs.",
  },
  "cli/exists": {
    kind: "already_exists",
    title: "A file that is to be written is there already",
    hint: "Choose another name, or say --force to replace it.",
  },
  "cli/no-dev": {
    kind: "not_found",
    title: "No development colony runs here",
    hint: "Start one with `cpm dev up`.",
  },
  "cli/dev-failed": {
    kind: "unavailable",
    title: "The development colony did not start",
    hint: "`cpm dev run` shows what it does; `cpm dev down --purge` forgets its state.",
  },
  "cli/login-failed": {
    kind: "unauthenticated",
    title: "The registry does not take these credentials",
    hint: "Nothing was stored. Check the user name and the password or token.",
  },
  "cli/release-failed": {
    kind: "unknown",
    title: "Work of the release failed",
    hint: "`cpm logs` shows what it printed.",
  },
  "cli/no-systemd": {
    kind: "failed_precondition",
    title: "systemd does not run this machine",
    hint: "`cpm-agent serve` needs no service manager; deploy/kubernetes and deploy/container have it elsewhere; --root DIR only writes the files.",
  },
  "cli/not-root": {
    kind: "permission_denied",
    title: "Only root may change the services of a machine",
    hint: "Run it with sudo; --dry-run shows what it would do.",
  },
  "cli/no-agent": {
    kind: "not_found",
    title: "cpm-agent is not on this machine",
    hint: "It comes with cpm; name it with --program FILE.",
  },
  "cli/service-command": {
    kind: "unavailable",
    title: "A command of the service manager failed",
    hint: "`systemctl status cpm-agent` and `journalctl -u cpm-agent` say why. What was done before it may be done again.",
  },
  "cli/name-taken": {
    kind: "already_exists",
    title: "Another executor has this name, or this agent has another one",
    hint: "Choose another name with --name. A colony does not give a name twice.",
  },
  "cli/interactive": {
    kind: "invalid_argument",
    title: "A question without a terminal to ask it on",
    hint: "Give the answer by its flag.",
  },
  "cli/interrupted": { kind: "cancelled", title: "Interrupted", hint: "Run the same command again to go on." },
} as const;

export function usageError(message: string, hint?: string): CpmError {
  return createError(cliErrors, "cli/usage", message, { hint });
}

export function unknownCommand(name: string, meant: string | undefined): CpmError {
  const hint = meant === undefined ? undefined : `Did you mean \`cpm ${meant}\`? Run \`cpm --help\` for the list.`;
  return createError(cliErrors, "cli/unknown-command", `there is no command "${name}"`, { hint });
}

export function unknownOption(flag: string, meant: string | undefined): CpmError {
  const hint = meant === undefined ? undefined : `Did you mean --${meant}? Run the command with --help for the list.`;
  return createError(cliErrors, "cli/unknown-option", `there is no option ${flag}`, { hint });
}

/** `names` are where it can be configured, the environment variable first. */
export function missingSetting(what: string, ...names: readonly string[]): CpmError {
  return createError(cliErrors, "cli/missing-setting", `${what} is not configured`, {
    hint: `Set ${names.join(" or ")}; \`cpm dev up\` starts a colony and a registry on this machine.`,
  });
}

export function nameTaken(message: string): CpmError {
  return createError(cliErrors, "cli/name-taken", message);
}

export function cliError(code: keyof typeof cliErrors, message: string, cause?: unknown): CpmError {
  return createError(cliErrors, code, message, { cause });
}

export function releaseFailed(
  release: string,
  failed: readonly { readonly resource: string; readonly node: string; readonly state: string }[],
): CpmError {
  const list = failed.map(({ resource, node, state }) => `${resource}${node === "" ? "" : ` ${node}`} ${state}`);
  return createError(cliErrors, "cli/release-failed", `the work of "${release}" did not succeed: ${list.join(", ")}`, {
    hint: `\`cpm logs ${release}\` shows what it printed.`,
  });
}

export function needsTerminal(question: string, flag: string): CpmError {
  return createError(cliErrors, "cli/interactive", `cannot ask "${question}" here`, { hint: `Give ${flag}.` });
}

/** What was installed is not undone because nobody waits for it. */
export function interruptedWait(release: string, cause: unknown): CpmError {
  return createError(cliErrors, "cli/interrupted", `interrupted while waiting; "${release}" is installed and goes on`, {
    cause,
    hint: `\`cpm status ${release}\` shows it, \`cpm logs ${release} --follow\` its output, \`cpm uninstall ${release}\` ends it.`,
  });
}

export function interrupted(cause?: unknown): CpmError {
  return createError(cliErrors, "cli/interrupted", "interrupted", { cause });
}
