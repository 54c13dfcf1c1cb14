import type { JsonObject } from "@cpm/base";
import { Identity } from "@cpm/colonies";
import { parseAssignment } from "@cpm/model";
import { executeInstall, parsePackageSource, prepareInstall } from "@cpm/operations";
import type { InstalledRelease, InstallPlan, PlacementRequest, PreparedInstall, ReleaseContext } from "@cpm/operations";
import type { StartColony } from "../colonies/colony-under-test.ts";
import { Lab } from "../operations/lab.ts";
import { Universe } from "./universe.ts";

export interface InstallOptions {
  readonly release?: string;
  readonly set?: readonly string[];
  readonly platform?: string;
  readonly colonyosVersion?: string;
  readonly skipRequirements?: boolean;
  readonly planned?: InstallPlan;
  readonly placement?: PlacementRequest;
  readonly placementTimeoutMs?: number;
  readonly context?: ReleaseContext;
}

/** A colony, a registry, and a user who installs from the one into the other. Must be closed. */
export class Installation {
  readonly lab: Lab;
  readonly universe: Universe;

  private constructor(lab: Lab, universe: Universe) {
    this.lab = lab;
    this.universe = universe;
  }

  static async open(start: StartColony): Promise<Installation> {
    return new Installation(await Lab.open(start), await Universe.open());
  }

  /** With a cache and a node store that nobody has used. */
  context(): ReleaseContext {
    return { ...this.lab.context(), access: this.universe.access({ cache: crypto.randomUUID() }) };
  }

  prepare(text: string, options: InstallOptions = {}): Promise<PreparedInstall> {
    const { release, set = [], platform = "linux/amd64", context = this.context(), ...rest } = options;
    const given = set.map(parseAssignment);
    const request = { source: parsePackageSource(text), given, releaseName: release, platform, silenceMs: 1, ...rest };
    return prepareInstall(request, context);
  }

  async install(text: string, options: InstallOptions = {}): Promise<InstalledRelease> {
    const context = options.context ?? this.context();
    const { placementTimeoutMs } = options;
    return executeInstall(await this.prepare(text, { ...options, context }), context, () => {}, { placementTimeoutMs });
  }

  /** An executor that reports this hardware. */
  async addExecutor(name: string, type: string, hardware: JsonObject): Promise<void> {
    const { client, colonyOwner } = this.lab.colony;
    const owner = client.as(colonyOwner);
    const { id } = Identity.generate();
    await owner.executors.add({ id, name, type, capabilities: { hardware: [hardware], software: [] } });
    await owner.executors.approve(name);
  }

  async removeExecutor(name: string): Promise<void> {
    const { client, colonyOwner } = this.lab.colony;
    await client.as(colonyOwner).executors.remove(name);
  }

  async close(): Promise<void> {
    await this.universe.close();
    await this.lab.close();
  }
}
