import type { Digest } from "@cpm/base";
import { parseManifest } from "@cpm/model";
import type { Manifest } from "@cpm/model";
import { parseManifestBytes } from "@cpm/oci";
import type { Descriptor, OciManifest } from "@cpm/oci";
import { namespaceOf } from "../../access/namespaces.ts";
import { registryError } from "../../errors.ts";
import type { PackageRow, VersionRow } from "../../metadata.ts";
import type { RegistryParts } from "../../registry.ts";
import type { Html } from "../html.ts";
import type { PageRequest } from "../page-request.ts";
import { packagePage } from "./page.ts";
import type { DeprecationNotice, PlatformRow, YankNotice } from "./view.ts";

/** A package as the index has it, with what withdraws it or a version of it where the index says so. */
interface FoundPackage extends PackageRow {
  readonly deprecated?: DeprecationNotice;
  readonly versions: readonly (VersionRow & { readonly yanked?: YankNotice })[];
}

/** Throws `registry-server/package-unknown` for what is not there, and in the same words for what is hidden. */
export async function packageController(
  { parts, caller, visitor }: PageRequest,
  name: string,
  version: string | undefined,
): Promise<Html> {
  const shown = parts.gate.rights(caller.principal, name).has("pull");
  const found: FoundPackage | undefined = shown ? parts.metadata.package(name) : undefined;
  if (found === undefined) throw registryError("registry-server/package-unknown", `there is no package ${name}`);
  const { versions } = found;
  const row = versions.find((entry) => entry.version === (version ?? found.version));
  if (row === undefined)
    throw registryError("registry-server/package-unknown", `${name} has no version ${version ?? ""}`.slice(0, 200));
  const manifest = parseManifest({ path: "colony.yaml", text: row.manifest });
  const readme = readmeOf(parts, name, row.digest);
  const deprecated = deprecationOf(found, manifest);
  return packagePage({
    visitor,
    manifest,
    digest: row.digest,
    sizeBytes: row.sizeBytes,
    publishedAt: row.publishedAt,
    pinned: version !== undefined,
    newest: found.version,
    ...(readme === undefined ? {} : { readme }),
    ...(row.yanked === undefined ? {} : { yanked: row.yanked }),
    ...(deprecated === undefined ? {} : { deprecated }),
    platforms: platformsOf(parts, name, row, manifest),
    versions,
    private: parts.accounts.namespaces.facts(namespaceOf(name), undefined)?.private ?? false,
    nowMs: parts.now(),
  });
}

/** Each version has its own; the index itself keeps only the newest. */
function readmeOf(parts: RegistryParts, name: string, digest: Digest): string | undefined {
  return parts.metadata.verifiedPackage(name, digest)?.readme;
}

/** What the index says of the package comes before what the author wrote into the version. */
function deprecationOf(found: FoundPackage, manifest: Manifest): DeprecationNotice | undefined {
  if (found.deprecated !== undefined) return found.deprecated;
  return manifest.deprecated === undefined ? undefined : { message: manifest.deprecated };
}

/** Of an index what it lists; else the one artifact, with the platform that its payload is for. */
function platformsOf(
  parts: RegistryParts,
  name: string,
  { digest, sizeBytes }: VersionRow,
  manifest: Manifest,
): readonly PlatformRow[] {
  const stored = parts.metadata.manifestByDigest(name, digest);
  const artifact = stored === undefined ? undefined : parseManifestBytes(stored.bytes, stored.mediaType);
  if (artifact?.kind !== "index") {
    const platform = manifest.payload.find((rule) => rule.platform !== undefined)?.platform;
    return [{ digest, sizeBytes, ...(platform === undefined ? {} : { platform }) }];
  }
  return artifact.manifests.map((child) => {
    const part = parts.metadata.manifestByDigest(name, child.digest);
    const parsed = part === undefined ? undefined : parseManifestBytes(part.bytes, part.mediaType);
    const contents = parsed?.kind === "manifest" ? contentsOf(parsed) : [];
    const platform = formatPlatform(child);
    return {
      digest: child.digest,
      sizeBytes: contents.reduce((sum, content) => sum + content.sizeBytes, 0),
      ...(platform === undefined ? {} : { platform }),
    };
  });
}

function contentsOf({ config, layers }: OciManifest): readonly Descriptor[] {
  return [...new Map([config, ...layers].map((content) => [content.digest, content])).values()];
}

function formatPlatform({ platform }: Descriptor): string | undefined {
  if (platform === undefined) return undefined;
  const { os, architecture, variant } = platform;
  return [os, architecture, variant].filter((part) => part !== undefined).join("/");
}
