import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { CliContext } from "../context.ts";
import { cliError, missingSetting } from "../errors.ts";
import type { Output } from "../output/output.ts";
import { resolveSettings } from "../settings.ts";
import { executeServicePlan } from "./execute-service-plan.ts";
import { agentPaths } from "./service-files.ts";
import { planInstall, planUninstall } from "./service-plan.ts";
import type { ServiceStep } from "./service-plan.ts";

export interface PlaceOptions {
  readonly program?: string | undefined;
  readonly registry?: string | undefined;
  readonly root?: string | undefined;
  readonly purge?: boolean | undefined;
  readonly "dry-run"?: boolean | undefined;
}

/** `cpm agent install`: the agent as a service of this machine, or below another root. */
export async function installService(options: PlaceOptions, context: CliContext, output: Output): Promise<number> {
  const registry = isPresent(agentPaths.settings, options, context) ? undefined : registryOf(options, context);
  const steps = planInstall(findProgram(options.program, context), registry);
  return carryOut(steps, options, context, output);
}

/** `cpm agent uninstall`: packages and settings stay unless they are to be purged. */
export async function uninstallService(options: PlaceOptions, context: CliContext, output: Output): Promise<number> {
  const installed = isPresent(agentPaths.service, options, context);
  return carryOut(planUninstall(installed, options.purge === true), options, context, output);
}

function isPresent(path: string, { root = "/" }: PlaceOptions, context: CliContext): boolean {
  return existsSync(join(resolve(context.cwd, root), path));
}

async function carryOut(
  steps: readonly ServiceStep[],
  options: PlaceOptions,
  context: CliContext,
  output: Output,
): Promise<number> {
  if (options["dry-run"] === true) {
    output.data({ steps: steps.map(toDocument) }, () => steps.map(describe).join("\n"));
    return 0;
  }
  if (options.root === undefined) assertSystemd();
  const staging = options.root !== undefined;
  const results = await executeServicePlan(steps, resolve(context.cwd, options.root ?? "/"), staging);
  output.data({ steps: results.map(({ step, outcome }) => ({ ...toDocument(step), outcome })) }, () =>
    results.map(({ step, outcome }) => `${outcome.padEnd(8)} ${describe(step)}`).join("\n"),
  );
  return 0;
}

/** Is systemd the service manager of this machine (sd_booted(3)), and may this user change it? */
function assertSystemd(): void {
  if (!existsSync("/run/systemd/system")) throw cliError("cli/no-systemd", "systemd does not run this machine");
  if (process.getuid?.() !== 0) throw cliError("cli/not-root", "services are root's to change");
}

/** The one that is named, or the one beside this program, or the one that a shell would find. */
function findProgram(named: string | undefined, context: CliContext): string {
  if (named !== undefined) {
    const path = resolve(context.cwd, named);
    if (existsSync(path)) return path;
    throw cliError("cli/no-file", `there is no ${path}`);
  }
  const beside = join(dirname(process.execPath), "cpm-agent");
  const found = existsSync(beside) ? beside : Bun.which("cpm-agent", { PATH: context.env["PATH"] ?? "" });
  if (found === null) throw cliError("cli/no-agent", "cpm-agent is neither beside cpm nor on the PATH");
  return found;
}

function registryOf({ registry }: PlaceOptions, context: CliContext): string {
  const { configuredRegistry: address } = resolveSettings(context, { registry });
  if (address === undefined) throw missingSetting("the registry of the agent", "CPM_REGISTRY", "--registry");
  const { host, plainHttp } = address;
  return plainHttp === undefined ? host : `${plainHttp ? "http" : "https"}://${host}`;
}

function toDocument(step: ServiceStep) {
  if (step.kind === "run") return { kind: step.kind, command: [...step.command], ifChanged: step.ifChanged };
  if (step.kind === "copy") return { kind: step.kind, path: step.path, from: step.from };
  return { kind: step.kind, path: step.path };
}

function describe(step: ServiceStep): string {
  if (step.kind === "run") return `run ${step.command.join(" ")}${step.ifChanged ? ", if a file changed" : ""}`;
  if (step.kind === "copy") return `copy ${step.from} to ${step.path}`;
  if (step.kind === "remove") return `remove ${step.path}`;
  return `write ${step.path}${step.unlessPresent ? ", unless it is there" : ""}`;
}
