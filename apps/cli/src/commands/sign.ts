import { defineCommand, registryOptions } from "../command.ts";
import { usageError } from "../errors.ts";
import { withSession } from "../with-session.ts";

export const sign = defineCommand({
  name: "sign",
  summary: "Sign a version with your key",
  description:
    "Puts a signature beside a version in its registry, where cosign and other programs look for it too; the package itself stays as it is. The key is Ed25519 or ECDSA P-256, as a PKCS#8 file that nobody else can read. Needs the right to push.",
  arguments: [{ name: "version", description: "namespace/name@version", optional: true }],
  options: {
    key: { type: "string", value: "FILE", description: "The private key (CPM_SIGNING_KEY)." },
    "generate-key": {
      type: "string",
      value: "FILE",
      description: "Make a new key, print its public half, and sign nothing.",
    },
    ...registryOptions,
  },
  examples: [
    { line: "cpm sign --generate-key ada.key > ada.pub", description: "Once: the private key stays in ada.key." },
    { line: "cpm sign rise/wordcount@1.2.0 --key ada.key", description: "Say that this version is yours." },
  ],
  async run(invocation) {
    const { args, options, context } = invocation;
    const keyPath = options.key ?? context.env["CPM_SIGNING_KEY"] ?? "";
    const target = options["generate-key"];
    if (target !== undefined) {
      if (args.length > 0) throw usageError("--generate-key signs nothing", "Sign in a command of its own.");
      const { generateKey } = await import("../sign/generate-key.ts");
      return generateKey(target, invocation);
    }
    const { parseReference } = await import("@cpm/model");
    const [written] = args;
    if (written === undefined) throw usageError("no version is named", "Name it: namespace/name@1.2.3.");
    const reference = parseReference(written);
    if (reference.selector.kind !== "version" && reference.selector.kind !== "digest")
      throw usageError("one version is signed", `Name it: ${reference.name}@1.2.3.`);
    if (keyPath === "") throw usageError("there is no key to sign with", "Name its file with --key FILE.");
    const { signReference } = await import("../sign/sign-reference.ts");
    return withSession(invocation, (session) => signReference(reference, keyPath, session, invocation));
  },
});
