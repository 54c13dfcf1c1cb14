import type { PackageReference } from "@cpm/model";
import { locatePackage } from "@cpm/operations";
import { readSigningKey, signPackage } from "@cpm/operations/signatures";
import type { Invocation } from "../command.ts";
import { givenPath } from "../given-file.ts";
import type { Session } from "../session.ts";

/** Signs one version where it is: in its registry. */
export async function signReference(
  reference: PackageReference,
  keyPath: string,
  session: Session,
  { context, output }: Pick<Invocation, "context" | "output">,
): Promise<number> {
  // First: without a key nobody has to be asked.
  const signer = readSigningKey(givenPath(keyPath, context));
  const registry = reference.registry ?? session.registryHost();
  const { root } = await locatePackage({ kind: "reference", reference }, session.access());
  const store = session.registry(registry).repository(reference.name);
  const signed = await signPackage(store, root, signer, context.signal);
  output.data({ registry, ...signed }, () =>
    [`signed ${signed.name}@${signed.version} at ${registry}`, `digest ${signed.digest}`, `key ${signed.keyId}`].join(
      "\n",
    ),
  );
  return 0;
}
