import { existsSync, writeFileSync } from "node:fs";
import { createError } from "@cpm/base";
import { generateSigningKeyPem, openSigner, withFileErrors } from "@cpm/store";
import { formatPublicKeyPem } from "@cpm/trust";
import type { Invocation } from "../command.ts";
import { cliErrors } from "../errors.ts";
import { givenTarget } from "../given-file.ts";

/** Writes a new private key for its user alone. Throws `cli/exists`: a key is never replaced. */
export function generateKey(path: string, { context, output }: Pick<Invocation, "context" | "output">): number {
  const target = givenTarget(path, context);
  if (existsSync(target))
    throw createError(cliErrors, "cli/exists", `${path} is there already`, { hint: "Choose another name." });
  const pem = generateSigningKeyPem();
  // `wx`: should the file appear meanwhile, it is not replaced either.
  withFileErrors("write", path, () => writeFileSync(target, pem, { mode: 0o600, flag: "wx" }));
  const { publicKey } = openSigner(pem);
  const written = formatPublicKeyPem(publicKey);
  output.data({ key: path, keyId: publicKey.id, publicKey: written }, () => written.trimEnd());
  return 0;
}
