import type { BundleSet } from "@cpm/operations";
import { openBundles } from "@cpm/operations";
import type { Invocation } from "../command.ts";
import { usageError } from "../errors.ts";
import { givenPath } from "../given-file.ts";
import type { BundleAction, BundleOptions } from "./bundle-options.ts";
import { createGiven } from "./create-given.ts";
import { formatSummary, formatVerified } from "./render-bundle.ts";
import { pushGiven, serveGiven } from "./share-given.ts";

export type BundleInvocation = Omit<Invocation, "options"> & { readonly options: BundleOptions };

export async function runBundle(
  action: BundleAction,
  paths: readonly string[],
  invocation: Omit<Invocation, "options"> & { readonly options: unknown },
): Promise<number> {
  const given = invocation as BundleInvocation;
  if (action === "create") return createGiven(paths, given);
  const set = await openGiven(paths, given);
  if (action === "inspect") return inspect(set, given);
  if (action === "verify") return verify(set, given);
  return action === "push" ? pushGiven(set, given) : serveGiven(set, given);
}

async function openGiven(paths: readonly string[], { options, context }: BundleInvocation): Promise<BundleSet> {
  const all = [...paths, ...options.from];
  if (all.length === 0) throw usageError("no bundle is named", "Name a file, one of its parts, or their folder.");
  return openBundles(all.map((path) => givenPath(path, context)));
}

async function inspect(set: BundleSet, { output }: BundleInvocation): Promise<number> {
  const { inspectBundle } = await import("@cpm/operations");
  const summaries = set.bundles.map(inspectBundle);
  output.data(
    summaries.map((summary) => ({
      ...summary,
      packages: summary.packages.map((entry) => ({ ...entry })),
      needs: summary.needs.map((entry) => ({ ...entry })),
    })),
    () => summaries.map((summary) => formatSummary(summary, output)).join("\n\n"),
  );
  return 0;
}

async function verify(set: BundleSet, { output, context }: BundleInvocation): Promise<number> {
  const { verifyBundles } = await import("@cpm/operations");
  const verified = await verifyBundles(set, context.signal);
  output.data(
    verified.map((entry) => ({ ...entry })),
    () => verified.map(formatVerified).join("\n"),
  );
  return 0;
}
