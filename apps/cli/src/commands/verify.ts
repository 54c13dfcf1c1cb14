import { defineCommand, registryOptions } from "../command.ts";
import { usageError } from "../errors.ts";
import { withSession } from "../with-session.ts";

export const verify = defineCommand({
  name: "verify",
  summary: "Show whether somebody trusted signed a version",
  description:
    "Reads the signatures beside a version in its registry and checks them by a policy, or by one public key. What nobody vouches for is refused with status 7 and the reason.",
  arguments: [{ name: "version", description: "namespace/name@version" }],
  options: {
    policy: { type: "string", value: "FILE", description: "Whose signatures count (docs/trust.md)." },
    key: { type: "string", value: "FILE", description: "A public key whose signatures count, in place of a policy." },
    ...registryOptions,
  },
  examples: [
    { line: "cpm verify rise/wordcount@1.2.0 --key ada.pub", description: "Only this key counts." },
    { line: "cpm verify rise/wordcount --policy trust.yaml", description: "Whether a policy would let the newest in." },
  ],
  async run(invocation) {
    const { args, options } = invocation;
    const { policy, key } = options;
    if ((policy === undefined) === (key === undefined))
      throw usageError("say by what it is verified", "Either --policy FILE or --key FILE.");
    const { parseReference } = await import("@cpm/model");
    const reference = parseReference(args[0] ?? "");
    const { verifySignatures } = await import("../verify/signatures.ts");
    return withSession(invocation, (session) => verifySignatures(reference, { policy, key }, session, invocation));
  },
});
