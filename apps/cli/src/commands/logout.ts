import { defineCommand, registryOptions } from "../command.ts";
import { requireRegistry } from "../require-registry.ts";
import { withSession } from "../with-session.ts";

export const logout = defineCommand({
  name: "logout",
  summary: "Forget the credentials of a registry",
  description: "Forgets what `cpm login` stored. Other programs' credentials are not touched.",
  arguments: [{ name: "registry", description: "host[:port]; default: the configured one", optional: true }],
  options: registryOptions,
  examples: [{ line: "cpm logout registry.example.org", description: "Forget one." }],
  async run({ args, options, context, output }) {
    const { credentialFile } = await import("@cpm/registry-client");
    return withSession({ context, output, options: { registry: args[0] ?? options.registry } }, async (session) => {
      const host = requireRegistry(session.settings);
      const erased = await credentialFile(session.settings.credentialFile).erase(host);
      output.data({ registry: host, erased }, () =>
        erased ? `logged out of ${host}` : `nothing was stored for ${host}`,
      );
      return 0;
    });
  },
});
