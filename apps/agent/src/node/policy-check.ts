import type { Digest } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import type { PackageName } from "@cpm/model/names";
import { readSignatures, readTrustPolicy } from "@cpm/operations/signatures";
import { signatureVerifier } from "@cpm/store";
import { assertVouched, judgePackage, requirementFor } from "@cpm/trust";
import type { TrustPolicy, Vouched } from "@cpm/trust";
import type { FoundPackage } from "./registry-source.ts";
import type { SignatureCheck } from "./signatures.ts";

export interface SignatureCheckParts {
  readonly policy: TrustPolicy;
  /** The time of day: keys count from then and until then. */
  readonly now: () => number;
  /** Told of a package that the policy only warns of. */
  readonly onWarning: (name: PackageName, digest: Digest, code: string) => void;
}

/** Decides by a policy. Loaded only where there is one: it takes what reads manifests and policies. */
class PolicyCheck implements SignatureCheck {
  readonly #parts: SignatureCheckParts;

  constructor(parts: SignatureCheckParts) {
    this.#parts = parts;
  }

  isRequired(name: PackageName, asked: boolean): boolean {
    return asked || requirementFor(this.#parts.policy, name) === "require";
  }

  vouchedBy(name: PackageName, digest: Digest, bundles: readonly Uint8Array[]): readonly Vouched[] {
    const { policy, now } = this.#parts;
    return judgePackage({ name, digest, bundles }, policy, now(), signatureVerifier).vouched;
  }

  async inspect(
    name: PackageName,
    { source, root }: FoundPackage,
    asked: boolean,
    signal: AbortSignal,
  ): Promise<readonly Vouched[]> {
    const { policy, now, onWarning } = this.#parts;
    const required = this.isRequired(name, asked);
    if (!required && requirementFor(policy, name) === "off") return [];
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
}

/** By the policy in a file. Throws `trust/policy-invalid`, or what reading it throws. */
export function openPolicyCheck(path: string, parts: Omit<SignatureCheckParts, "policy">): SignatureCheck {
  return new PolicyCheck({ ...parts, policy: readTrustPolicy(path) });
}
