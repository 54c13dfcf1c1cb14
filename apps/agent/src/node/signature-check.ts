import type { Digest } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import type { PackageName } from "@cpm/model";
import { readSignatures } from "@cpm/operations/signatures";
import { signatureVerifier } from "@cpm/store";
import { assertVouched, judgePackage, requirementFor } from "@cpm/trust";
import type { TrustPolicy, Vouched } from "@cpm/trust";
import { agentError } from "../errors.ts";
import type { FoundPackage } from "./registry-source.ts";

/** More signatures of one version than these are checked, and not kept. */
const maxKept = 8;

export interface SignatureCheckParts {
  /** Undefined: this agent checks no signatures. */
  readonly policy: TrustPolicy | undefined;
  /** The time of day: keys count from then and until then. */
  readonly now: () => number;
  /** Told of a package that the policy only warns of. */
  readonly onWarning: (name: PackageName, digest: Digest, code: string) => void;
}

/** Decides by the policy whether a package may come to this node, before anything of it but its manifest does. */
export class SignatureCheck {
  readonly #parts: SignatureCheckParts;

  constructor(parts: SignatureCheckParts) {
    this.#parts = parts;
  }

  /**
   * Whether somebody has to vouch for a package: because the policy says so, or whoever asks. Throws
   * `agent/unverifiable` when it is asked for and there is no policy.
   */
  isRequired(name: PackageName, asked: boolean): boolean {
    const { policy } = this.#parts;
    if (asked) this.#policy();
    return asked || (policy !== undefined && requirementFor(policy, name) === "require");
  }

  /** Who vouches by bundles that are at hand; nobody where this is empty. Asks no network. */
  vouchedBy(name: PackageName, digest: Digest, bundles: readonly Uint8Array[]): readonly Vouched[] {
    const { policy, now } = this.#parts;
    if (policy === undefined) return [];
    return judgePackage({ name, digest, bundles }, policy, now(), signatureVerifier).vouched;
  }

  /**
   * Who vouches for a package that the registry has; nobody where the policy does not ask. Throws the `trust/…` error that
   * says why, where somebody has to.
   */
  async inspect(
    name: PackageName,
    { source, root }: FoundPackage,
    asked: boolean,
    signal: AbortSignal,
  ): Promise<readonly Vouched[]> {
    const { policy, now, onWarning } = this.#parts;
    const required = this.isRequired(name, asked);
    if (policy === undefined || (!required && requirementFor(policy, name) === "off")) return [];
    const wanted = { name, digest: root.digest, bundles: await readSignatures(source, root.digest, signal) };
    const verdict = judgePackage(wanted, policy, now(), signatureVerifier);
    try {
      assertVouched(verdict, wanted);
    } catch (error) {
      if (required || !isCpmError(error)) throw error;
      onWarning(name, root.digest, error.code);
    }
    return verdict.vouched;
  }

  #policy(): TrustPolicy {
    const { policy } = this.#parts;
    if (policy !== undefined) return policy;
    throw agentError("agent/unverifiable", "this agent has no keys or policy to check signatures by");
  }
}

/** What of the signatures is kept beside a version, so that they can be checked again without a registry. */
export function bundlesToKeep(vouched: readonly Vouched[]): readonly Uint8Array[] {
  return vouched.slice(0, maxKept).map(({ bundle }) => bundle);
}
