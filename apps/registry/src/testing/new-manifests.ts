import { formatManifest } from "@cpm/oci";
import { digestOf } from "@cpm/store";
import type { NewManifest, VerifiedPackage } from "../metadata.ts";
import { imageOf } from "./registry-under-test.ts";

/** Whose manifests these are where nothing else is said. */
export const packageName = "acme/web";

/** A manifest that nothing else is known of. */
export function manifestOf(text: string, fields: Partial<NewManifest> = {}): NewManifest {
  const bytes = formatManifest(imageOf({ annotations: { text } }));
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  return {
    repository: packageName,
    digest: digestOf(bytes),
    mediaType,
    bytes,
    tags: [],
    contents: [],
    publish: false,
    ...fields,
  };
}

/** A version that is published. */
export function versionOf(
  version: string,
  fields: Partial<VerifiedPackage> = {},
  of: string = packageName,
): NewManifest {
  const verified: VerifiedPackage = {
    name: of,
    version,
    description: "Serves pages.",
    keywords: ["http"],
    sizeBytes: 10,
    manifest: "{}",
    ...fields,
  };
  const base = manifestOf(`${of} ${version} ${JSON.stringify(fields)}`, { repository: of });
  return { ...base, tags: [version.replace("+", "_")], package: verified, publish: true };
}
