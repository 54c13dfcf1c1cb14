import type { Diagnostic, JsonObject } from "@cpm/base";
import type { GivenInput } from "@cpm/model";
import { collectPackages } from "./collect-packages.ts";
import type { CollectOptions } from "./collect-packages.ts";
import type { PackageAccess, PackageSource } from "../package/locate-package.ts";
import { renderRelease } from "./render-release.ts";
import { creationOrder } from "../resources/resource-handlers.ts";

export interface RenderedAlone {
  /** Documents of kind, name and spec, in the order of creation; secrets as `***`. */
  readonly documents: readonly JsonObject[];
  readonly warnings: readonly Diagnostic[];
}

/** What a package would submit, worked out without a colony and without placing anything. */
export async function renderPackageAlone(
  source: PackageSource,
  given: readonly GivenInput[],
  release: { readonly name: string; readonly colony: string },
  options: CollectOptions,
  access: PackageAccess,
): Promise<RenderedAlone> {
  const packages = await collectPackages(source, access, { ...options, given });
  const rendered = renderRelease(packages, given, { ...release, revision: 1 }, (variant) => {
    return `/var/lib/colony/packages/trees/sha256/${variant.config.tree.slice("sha256:".length)}/root`;
  });
  const resources = rendered.flatMap((entry) => entry.resources);
  const ordered = creationOrder.flatMap((kind) => resources.filter(({ resource }) => resource.kind === kind));
  return {
    documents: ordered.map(({ resource, name, redacted }) => ({ kind: resource.kind, name, spec: redacted })),
    warnings: rendered.flatMap((entry) => entry.warnings),
  };
}
