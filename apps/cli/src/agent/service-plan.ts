import { agentPaths, agentUnits, initialSettings, serviceFiles } from "./service-files.ts";

/** What is done to a machine, one after another. Paths are absolute, as on the machine itself. */
export type ServiceStep =
  | { readonly kind: "copy"; readonly path: string; readonly from: string }
  | { readonly kind: "write"; readonly path: string; readonly text: string; readonly unlessPresent: boolean }
  | { readonly kind: "remove"; readonly path: string }
  /** `ifChanged`: only when an earlier step changed a file. */
  | { readonly kind: "run"; readonly command: readonly string[]; readonly ifChanged: boolean };

/** To be repeated at will: what is so already is left, and an agent is restarted only when a file of it changed. */
export function planInstall(program: string, registry: string | undefined): readonly ServiceStep[] {
  return [
    { kind: "copy", path: agentPaths.program, from: program },
    ...[...serviceFiles].map(([path, text]) => ({ kind: "write", path, text, unlessPresent: false }) as const),
    ...(registry === undefined
      ? []
      : [{ kind: "write", path: agentPaths.settings, text: initialSettings(registry), unlessPresent: true } as const]),
    run("systemd-sysusers", agentPaths.sysusers),
    run("systemd-tmpfiles", "--create", agentPaths.tmpfiles),
    run("systemctl", "daemon-reload"),
    run("systemctl", "enable", ...agentUnits),
    run("systemctl", "start", "cpm-agent.socket"),
    // The socket stays meanwhile, so callers wait and see no failure.
    { kind: "run", command: ["systemctl", "restart", "cpm-agent.service"], ifChanged: true },
    run("systemctl", "start", "cpm-agent.service"),
  ];
}

/**
 * The user and the group stay: files may be theirs, and their numbers must not become somebody else's. `installed`: whether
 * systemd knows the units, without which it cannot stop them.
 */
export function planUninstall(installed: boolean, purge: boolean): readonly ServiceStep[] {
  const paths = [agentPaths.program, ...serviceFiles.keys()];
  return [
    ...(installed ? [run("systemctl", "disable", "--now", ...agentUnits.toReversed())] : []),
    ...[...paths, ...(purge ? [agentPaths.settings, agentPaths.packages] : [])].map(
      (path) => ({ kind: "remove", path }) as const,
    ),
    run("systemctl", "daemon-reload"),
  ];
}

function run(...command: readonly string[]): ServiceStep {
  return { kind: "run", command, ifChanged: false };
}
