import { parseManifest } from "@cpm/model";
import type { Manifest } from "@cpm/model";
import { parseManifestBytes } from "@cpm/oci";
import type { Descriptor, OciManifest } from "@cpm/oci";
import { namespaceOf } from "../../access/namespaces.ts";
import { packageUnknown, registryError, versionUnknown } from "../../errors.ts";
import type { DeprecationNotice, VersionRow } from "../../metadata.ts";
import type { RegistryParts } from "../../registry-parts.ts";
import type { Html } from "../html.ts";
import type { PageRequest } from "../page-request.ts";
import { packagePage } from "./page.ts";
import type { PlatformRow } from "./view.ts";

/** Throws `registry-server/package-unknown` for what is not there, and in the same words for what is hidden. */
export async function packageController(
  { parts, caller, visitor }: PageRequest,
  name: string,
  version: string | undefined,
): Promise<Html> {
  const shown = (await parts.gate.rights(caller.principal, name)).has("pull");
  const mirror = shown ? await parts.mirrors?.of(name) : undefined;
  if (mirror !== undefined)
    throw registryError(
      "registry-server/package-unknown",
      `${name} is a mirror of ${mirror.upstream}: its page is there`,
    );
  const found = shown ? await parts.metadata.package(name) : undefined;
  if (found === undefined) throw packageUnknown(name);
  const { versions } = found;
  const row = versions.find((entry) => entry.version === (version ?? found.version));
  if (row === undefined) throw versionUnknown(name, version ?? found.version);
  const manifest = parseManifest({ path: "colony.yaml", text: row.manifest });
  // Each version has a README of its own; the index itself keeps only the newest.
  const [verified, platforms, facts, owners] = await Promise.all([
    parts.metadata.verifiedPackage(name, row.digest),
    platformsOf(parts, name, row, manifest),
    parts.accounts.namespaces.facts(namespaceOf(name), undefined),
    parts.accounts.namespaces.owners(namespaceOf(name)),
  ]);
  const readme = verified?.readme;
  const deprecated = deprecationOf(row, manifest);
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
    platforms,
    versions,
    downloads: found.downloads,
    owners,
    private: facts?.private ?? false,
    nowMs: parts.now(),
  });
}

/** What is said afterwards comes before what the author wrote into the version. */
function deprecationOf(row: VersionRow, manifest: Manifest): DeprecationNotice | undefined {
  if (row.deprecated !== undefined) return row.deprecated;
  return manifest.deprecated === undefined ? undefined : { message: manifest.deprecated };
}

/** Of an index what it lists; else the one artifact, with the platform that its payload is for. */
async function platformsOf(
  parts: RegistryParts,
  name: string,
  { digest, sizeBytes }: VersionRow,
  manifest: Manifest,
): Promise<readonly PlatformRow[]> {
  const stored = await parts.metadata.manifestByDigest(name, digest);
  const artifact = stored === undefined ? undefined : parseManifestBytes(stored.bytes, stored.mediaType);
  if (artifact?.kind !== "index") {
    const platform = manifest.payload.find((rule) => rule.platform !== undefined)?.platform;
    return [{ digest, sizeBytes, ...(platform === undefined ? {} : { platform }) }];
  }
  const rows = artifact.manifests.map(async (child) => {
    const part = await parts.metadata.manifestByDigest(name, child.digest);
    const parsed = part === undefined ? undefined : parseManifestBytes(part.bytes, part.mediaType);
    const contents = parsed?.kind === "manifest" ? contentsOf(parsed) : [];
    const platform = formatPlatform(child);
    return {
      digest: child.digest,
      sizeBytes: contents.reduce((sum, content) => sum + content.sizeBytes, 0),
      ...(platform === undefined ? {} : { platform }),
    };
  });
  return Promise.all(rows);
}

function contentsOf({ config, layers }: OciManifest): readonly Descriptor[] {
  return [...new Map([config, ...layers].map((content) => [content.digest, content])).values()];
}

function formatPlatform({ platform }: Descriptor): string | undefined {
  if (platform === undefined) return undefined;
  const { os, architecture, variant } = platform;
  return [os, architecture, variant].filter((part) => part !== undefined).join("/");
}
