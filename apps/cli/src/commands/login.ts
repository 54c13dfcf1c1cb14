import type { Invocation, OptionTable } from "../command.ts";
import { defineCommand, registryOptions } from "../command.ts";
import type { ClientWith, StoredCredential } from "../registry-sign-in.ts";
import { requireRegistry } from "../require-registry.ts";
import type { Session } from "../session.ts";
import { withSession } from "../with-session.ts";

const loginOptions = {
  ...registryOptions,
  username: { type: "string", short: "u", value: "NAME", description: "Sign in by a password or token of this user." },
  "password-stdin": { type: "boolean", description: "Read the password or token from stdin. Default: asked." },
  key: { type: "boolean", description: "Sign in by your ColonyOS key and by nothing else." },
  bind: { type: "boolean", description: "Make your ColonyOS key a way in for the user whose password is given." },
  "id-token-stdin": {
    type: "boolean",
    description: "Read the identity token of a CI job from stdin, for a token that publishes --package.",
  },
  package: { type: "string", value: "NAME", description: "The package that the CI job publishes." },
} as const satisfies OptionTable;

type LoginInvocation = Invocation<typeof loginOptions>;

export const login = defineCommand({
  name: "login",
  summary: "Remember the credentials of a registry",
  description:
    "Signs in by the key that you have in ColonyOS, where the registry knows it: no password is needed, and the token that it gives is stored. Else, and with --username, asks for a password or token and checks it first. What is stored is in a file that only you can read. What `docker login` or `oras login` stored is used as well, without this command.",
  arguments: [{ name: "registry", description: "host[:port]; default: the configured one", optional: true }],
  options: loginOptions,
  examples: [
    { line: "cpm login registry.example.org", description: "By your ColonyOS key, or else ask for name and password." },
    { line: "cpm login registry.example.org -u ada --bind", description: "Once: let your ColonyOS key be ada's." },
    { line: "echo $TOKEN | cpm login registry.example.org -u ci --password-stdin", description: "In a script." },
    {
      line: "echo $ID_TOKEN | cpm login registry.example.org --id-token-stdin --package acme/tool",
      description: "In a CI job that may publish acme/tool.",
    },
  ],
  async run(invocation) {
    const { args, options, context, output } = invocation;
    const { createRegistryClient, credentialFile } = await import("@cpm/registry-client");
    const flags = { registry: args[0] ?? options.registry };
    return withSession({ context, output, options: flags }, async (session) => {
      const host = requireRegistry(session.settings);
      const plainHttp = session.settings.registry?.plainHttp;
      const clientWith: ClientWith = (credential) =>
        createRegistryClient({
          registry: host,
          ...(plainHttp === undefined ? {} : { plainHttp }),
          credentials: { get: async () => credential },
          userAgent: "cpm",
        });
      const credential = await signIn(invocation, session, clientWith);
      await credentialFile(session.settings.credentialFile).store(host, credential);
      const { username } = credential;
      output.data({ registry: host, username }, () => `logged in to ${host} as ${username}`);
      return 0;
    });
  },
});

async function signIn(
  { options, context, output }: LoginInvocation,
  session: Session,
  clientWith: ClientWith,
): Promise<StoredCredential> {
  const ways = await import("../registry-sign-in.ts");
  const { usageError } = await import("../errors.ts");
  const given = { username: options.username, passwordFromStdin: options["password-stdin"] === true };
  const byPassword = given.username !== undefined || given.passwordFromStdin || options.bind === true;
  const chosen = [byPassword, options.key === true, options["id-token-stdin"] === true].filter(Boolean).length;
  if (chosen > 1) throw usageError("--key, --id-token-stdin and a user name are different ways to sign in; choose one");
  if ((options["id-token-stdin"] === true) !== (options.package !== undefined))
    throw usageError("--id-token-stdin and --package go together");
  if (options.package !== undefined) return ways.signInByIdToken(context, clientWith, options.package);
  if (options.key === true) return ways.signInByKey(context, clientWith, ways.requireIdentity(session.settings));
  const identity = options.bind === true ? ways.requireIdentity(session.settings) : undefined;
  if (!byPassword && session.settings.privateKey !== undefined) {
    try {
      return await ways.signInByKey(context, clientWith, ways.requireIdentity(session.settings));
    } catch (error) {
      if (!ways.isOfNoUse(error)) throw error;
      output.note("your ColonyOS key is not known there; signing in by a password");
    }
  }
  const credential = await ways.signInByPassword(context, clientWith, given);
  return identity === undefined ? credential : ways.bindKey(context, clientWith, credential, identity);
}
