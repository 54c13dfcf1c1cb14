import type { PackageReference } from "@cpm/model";
import { locatePackage } from "@cpm/operations";
import { readSignatures, readTrustPolicy } from "@cpm/operations/signatures";
import { sha256, signatureVerifier } from "@cpm/store";
import { assertVouched, judgePackage, parsePublicKeyPem } from "@cpm/trust";
import type { TrustPolicy } from "@cpm/trust";
import type { Invocation } from "../command.ts";
import type { CliContext } from "../context.ts";
import { givenPath, readGivenFile } from "../given-file.ts";
import type { Session } from "../session.ts";

/** By what signatures are checked: a policy's file, or that of one public key. */
export interface TrustFlags {
  readonly policy: string | undefined;
  readonly key: string | undefined;
}

/** Shows who vouches for a version. Throws the `trust/…` error that says why nobody does. */
export async function verifySignatures(
  reference: PackageReference,
  flags: TrustFlags,
  session: Session,
  { context, output }: Pick<Invocation, "context" | "output">,
): Promise<number> {
  const policy = policyOf(flags, context);
  const registry = reference.registry ?? session.registryHost();
  const { name } = reference;
  const { root, version } = await locatePackage({ kind: "reference", reference }, session.access());
  const store = session.registry(registry).repository(name);
  const wanted = { name, digest: root.digest, bundles: await readSignatures(store, root.digest, context.signal) };
  const verdict = judgePackage(wanted, policy, context.clock.now(), signatureVerifier);
  assertVouched(verdict, wanted);
  const signers = verdict.vouched.map(({ signer, keyId }) => ({ signer, keyId }));
  const others = verdict.refused.map(({ code, message }) => ({ code, message }));
  const what = version === undefined ? name : `${name}@${version.text}`;
  const document = { registry, name, ...(version === undefined ? {} : { version: version.text }), digest: root.digest };
  output.data({ ...document, signers, others }, () =>
    [`${what} (${root.digest})`, ...signers.map(({ signer, keyId }) => `signed by ${signer}, key ${keyId}`)].join("\n"),
  );
  for (const { message } of others) output.note(`a signature does not count: ${message}`);
  return 0;
}

function policyOf({ policy, key }: TrustFlags, context: CliContext): TrustPolicy {
  if (policy !== undefined) return readTrustPolicy(givenPath(policy, context));
  const path = key ?? "";
  const trusted = { key: parsePublicKeyPem(readGivenFile(path, context), sha256), signer: path, packages: ["*"] };
  return { keys: [{ ...trusted, notBeforeMs: undefined, notAfterMs: undefined, revoked: false }], require: {} };
}
