import type { BundleSet } from "@cpm/operations";
import { createBundleHandler, pushBundles, serveBundles } from "@cpm/operations";
import { formatBytes } from "@cpm/base";
import { readRegistryAddress } from "@cpm/model";
import { usageError } from "../errors.ts";
import { requireRegistry } from "../require-registry.ts";
import { withSession } from "../with-session.ts";
import type { BundleInvocation } from "./run-bundle.ts";

/** `cpm bundle push [--to HOST]`. Of bundles of several registries, --registry says whose packages are meant. */
export async function pushGiven(set: BundleSet, invocation: BundleInvocation): Promise<number> {
  const { options, context, output } = invocation;
  const { to, registry: from } = options;
  if (to !== undefined && readRegistryAddress(to) === undefined)
    throw usageError(`--to is "${to}", which is not host[:port]`, "Such as registry.example.org or localhost:5000.");
  return withSession({ context, output, options: { registry: to } }, async (session) => {
    const host = requireRegistry(session.settings);
    const { progress } = output;
    const access = {
      registry: (name: string) => session.registry(name),
      report: progress.update.bind(progress),
      signal: context.signal,
    };
    const allowSimilarName = options["allow-similar-name"] === true;
    const pushed = await pushBundles(set, host, access, from, { allowSimilarName });
    output.data({ registry: host, packages: pushed.map((entry) => ({ ...entry })) }, () =>
      pushed
        .map(({ name, version, present, evidence, sentBytes }) => {
          const what = present ? "was there already" : `pushed to ${host} (${formatBytes(sentBytes)} sent)`;
          return `${name}@${version} ${what}${evidence === 0 ? "" : `, with ${evidence} signatures`}`;
        })
        .join("\n"),
    );
    return 0;
  });
}

/** `cpm bundle serve`: until it is interrupted. */
export async function serveGiven(set: BundleSet, { options, context, output }: BundleInvocation): Promise<number> {
  const server = serveBundles(createBundleHandler(set, options.registry), options.port ?? 0);
  try {
    output.data({ registry: server.host }, () => `serving the bundle as a registry at ${server.host}`);
    await new Promise<void>((resolve) => {
      if (context.signal.aborted) resolve();
      else context.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    return 0;
  } finally {
    await server.stop();
  }
}
