import { defineCommand, registryOptions } from "../command.ts";
import { requireRegistry } from "../require-registry.ts";
import { withSession } from "../with-session.ts";

export const login = defineCommand({
  name: "login",
  summary: "Remember the credentials of a registry",
  description:
    "Checks them with the registry first, then stores them in a file that only you can read. What `docker login` or `oras login` stored is used as well, without this command.",
  arguments: [{ name: "registry", description: "host[:port]; default: the configured one", optional: true }],
  options: {
    ...registryOptions,
    username: { type: "string", short: "u", value: "NAME", description: "The user name. Default: asked." },
    "password-stdin": { type: "boolean", description: "Read the password or token from stdin. Default: asked." },
  },
  examples: [
    { line: "cpm login registry.example.org", description: "Ask for name and password." },
    { line: "echo $TOKEN | cpm login registry.example.org -u ci --password-stdin", description: "In a script." },
  ],
  async run(invocation) {
    const { args, options, context, output } = invocation;
    const { ask, askHidden } = await import("../prompt.ts");
    const { cliError } = await import("../errors.ts");
    const { isCpmError } = await import("@cpm/base");
    const { createRegistryClient, credentialFile } = await import("@cpm/registry-client");
    const flags = { registry: args[0] ?? options.registry };
    return withSession({ context, output, options: flags }, async (session) => {
      const host = requireRegistry(session.settings);
      const plainHttp = session.settings.registry?.plainHttp;
      const username = options.username ?? (await ask(context, `User name at ${host}`, "--username"));
      const given = options["password-stdin"] === true ? await context.stdin.readAll() : undefined;
      const password =
        given?.replace(/\r?\n$/, "") ?? (await askHidden(context, "Password or token", "--password-stdin"));
      const credential = { kind: "password" as const, username, password };
      const client = createRegistryClient({
        registry: host,
        ...(plainHttp === undefined ? {} : { plainHttp }),
        credentials: { get: async () => credential },
        userAgent: "cpm",
      });
      try {
        await client.ping({ signal: context.signal });
      } catch (error) {
        if (!isCpmError(error, "registry/unauthorized")) throw error;
        throw cliError("cli/login-failed", `${host} does not take these credentials`, error);
      }
      await credentialFile(session.settings.credentialFile).store(host, credential);
      output.data({ registry: host, username }, () => `logged in to ${host} as ${username}`);
      return 0;
    });
  },
});
