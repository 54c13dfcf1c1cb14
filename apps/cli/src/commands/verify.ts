import type { Invocation } from "../command.ts";
import { colonyOptions, defineCommand, registryOptions } from "../command.ts";
import { usageError } from "../errors.ts";
import { withSession } from "../with-session.ts";

const options = {
  policy: { type: "string", value: "FILE", description: "Whose signatures count (docs/trust.md)." },
  key: { type: "string", value: "FILE", description: "A public key whose signatures count, in place of a policy." },
  fleet: { type: "boolean", description: "Check the nodes of the colony." },
  timeout: { type: "duration", value: "10m", description: "With --fleet: give each node this long. Default: 10m." },
  ...registryOptions,
  ...colonyOptions,
} as const;

export const verify = defineCommand({
  name: "verify",
  summary: "Check signatures, or the packages of nodes",
  description:
    "By --policy or --key the signatures beside a version in its registry are checked: what nobody vouches for is refused with status 7 and the reason. With --fleet every node that has an agent reads its packages again, whole, and says which files are not what they should be. A package is missing where a release had it placed and the node has it no more. The exit status is 7 when something is damaged or missing, else 1 when a node did not answer.",
  arguments: [
    { name: "package", description: "namespace/name@version; with --fleet only this, or all", optional: true },
  ],
  options,
  examples: [
    { line: "cpm verify rise/wordcount@1.2.0 --key ada.pub", description: "Only this key counts." },
    { line: "cpm verify rise/wordcount --policy trust.yaml", description: "Whether a policy would let the newest in." },
    { line: "cpm verify --fleet", description: "Everything that the nodes have." },
    { line: "cpm verify --fleet rise/wordcount --json", description: "One package, for a program." },
  ],
  run: (invocation) => (invocation.options.fleet === true ? verifyNodes(invocation) : verifySigned(invocation)),
});

async function verifyNodes(invocation: Invocation<typeof options>): Promise<number> {
  const { args, options: given } = invocation;
  if (given.policy !== undefined || given.key !== undefined)
    throw usageError(
      "`cpm verify --fleet` takes neither --policy nor --key",
      "A node checks by the policy of its agent.",
    );
  const { showFleet } = await import("../verify/fleet.ts");
  const request = { package: args[0], timeoutMs: given.timeout };
  return withSession(invocation, (session) => showFleet(session, request, invocation));
}

async function verifySigned(invocation: Invocation<typeof options>): Promise<number> {
  const { policy, key, timeout } = invocation.options;
  const [text] = invocation.args;
  if (text === undefined) throw usageError("`cpm verify` is not told what to check", "Name a version, or say --fleet.");
  if (timeout !== undefined) throw usageError("--timeout is of --fleet");
  if ((policy === undefined) === (key === undefined))
    throw usageError("say by what it is verified", "Either --policy FILE or --key FILE; --fleet checks nodes.");
  const { parseReference } = await import("@cpm/model");
  const reference = parseReference(text);
  const { verifySignatures } = await import("../verify/signatures.ts");
  return withSession(invocation, (session) => verifySignatures(reference, { policy, key }, session, invocation));
}
