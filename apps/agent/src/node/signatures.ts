import type { Digest } from "@cpm/base";
import type { PackageName } from "@cpm/model/names";
import type { Vouched } from "@cpm/trust";
import { agentError } from "../errors.ts";
import type { FoundPackage } from "./registry-source.ts";

/** Decides whether a package may come to this node, before anything of it but its manifest does. */
export interface SignatureCheck {
  /**
   * Whether somebody has to vouch for a package: because the policy says so, or whoever asks. Throws
   * `agent/unverifiable` when it is asked for and there is no policy.
   */
  isRequired(name: PackageName, asked: boolean): boolean;

  /** Who vouches by bundles that are at hand; nobody where there is no policy. Asks no network. */
  vouchedBy(name: PackageName, digest: Digest, bundles: readonly Uint8Array[]): readonly Vouched[];

  /**
   * Who vouches for a package that the registry has; nobody where the policy does not ask. Throws the `trust/…` error that
   * says why, where somebody has to.
   */
  inspect(name: PackageName, found: FoundPackage, asked: boolean, signal: AbortSignal): Promise<readonly Vouched[]>;
}

/** Of an agent without a policy: digests alone count. */
export const uncheckedSignatures: SignatureCheck = {
  isRequired(_, asked) {
    if (asked) throw agentError("agent/unverifiable", "this agent has no keys or policy to check signatures by");
    return false;
  },
  vouchedBy: () => [],
  async inspect(name, _, asked) {
    this.isRequired(name, asked);
    return [];
  },
};

/** More signatures of one version than these are checked, and not kept. */
const maxKept = 8;

/** What of the signatures is kept beside a version, so that they can be checked again without a registry. */
export function bundlesToKeep(vouched: readonly Vouched[]): readonly Uint8Array[] {
  return vouched.slice(0, maxKept).map(({ bundle }) => bundle);
}
