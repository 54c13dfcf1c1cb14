import service from "../../../../deploy/systemd/cpm-agent.service" with { type: "text" };
import socket from "../../../../deploy/systemd/cpm-agent.socket" with { type: "text" };
import sysusers from "../../../../deploy/systemd/sysusers.conf" with { type: "text" };
import tmpfiles from "../../../../deploy/systemd/tmpfiles.conf" with { type: "text" };
import settings from "../../../../deploy/systemd/agent.yaml" with { type: "text" };

/** Where the agent is on a systemd machine. The files of `deploy/systemd` name the same paths. */
export const agentPaths = {
  program: "/usr/local/bin/cpm-agent",
  service: "/etc/systemd/system/cpm-agent.service",
  socketUnit: "/etc/systemd/system/cpm-agent.socket",
  sysusers: "/etc/sysusers.d/cpm-agent.conf",
  tmpfiles: "/etc/tmpfiles.d/cpm-agent.conf",
  settings: "/etc/cpm/agent.yaml",
  packages: "/var/lib/colony/packages",
  socket: "/run/cpm-agent/agent.sock",
} as const;

/** In the order in which systemd's tools need them. */
export const agentUnits = ["cpm-agent.socket", "cpm-agent.service"] as const;

/** Text by path; of the settings it is what they begin as. */
export const serviceFiles: ReadonlyMap<string, string> = new Map([
  [agentPaths.sysusers, sysusers],
  [agentPaths.tmpfiles, tmpfiles],
  [agentPaths.socketUnit, socket],
  [agentPaths.service, service],
]);

/** The settings of a new agent. */
export function initialSettings(registry: string): string {
  // JSON is YAML, and a quoted text means nothing but itself.
  return (settings as unknown as string).replace(/^registry: .*$/m, () => `registry: ${JSON.stringify(registry)}`);
}
