import { expect, test } from "bun:test";
import { planInstall, planUninstall } from "./service-plan.ts";
import type { ServiceStep } from "./service-plan.ts";

const commands = (steps: readonly ServiceStep[]) =>
  steps.flatMap((step) =>
    step.kind === "run" ? [`${step.command.join(" ")}${step.ifChanged ? " (changed)" : ""}`] : [],
  );

test("installing makes the user and the directory first, and replaces the agent, never its socket", () => {
  expect(commands(planInstall("/x/cpm-agent", "registry.example"))).toEqual([
    "systemd-sysusers /etc/sysusers.d/cpm-agent.conf",
    "systemd-tmpfiles --create /etc/tmpfiles.d/cpm-agent.conf",
    "systemctl daemon-reload",
    "systemctl enable cpm-agent.socket cpm-agent.service",
    "systemctl start cpm-agent.socket",
    "systemctl restart cpm-agent.service (changed)",
    "systemctl start cpm-agent.service",
  ]);
});

test("uninstalling stops the service before its socket, and only what systemd knows", () => {
  expect(commands(planUninstall(true, false))).toEqual([
    "systemctl disable --now cpm-agent.service cpm-agent.socket",
    "systemctl daemon-reload",
  ]);
  expect(commands(planUninstall(false, false))).toEqual(["systemctl daemon-reload"]);
});
