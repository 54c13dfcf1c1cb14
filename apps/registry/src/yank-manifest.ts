import { formatYankMark, readYankMark, yankArtifactType } from "@cpm/model";
import type { YankMark } from "@cpm/model";
import { emptyDescriptor, mediaTypes } from "@cpm/oci";
import type { Descriptor, OciIndex, OciManifest } from "@cpm/oci";
import { registryError } from "./errors.ts";

/** The one content of a mark: the empty object, in the place of a config and of a layer (image-spec v1.1, manifest.md). */
const { data: _, ...empty } = emptyDescriptor;

/** Clocks of registries between which marks are copied may differ. One of a far later day would outlive every other. */
const maxAheadMs = 24 * 60 * 60_000;

/** A mark as the manifest that tells it: all that it says stands in its annotations, so that a list of referrers tells it too. */
export function yankManifest(subject: Descriptor, mark: YankMark): OciManifest {
  return {
    kind: "manifest",
    mediaType: mediaTypes.manifest,
    artifactType: yankArtifactType,
    config: empty,
    layers: [empty],
    subject,
    annotations: formatYankMark(mark),
  };
}

export function isYankManifest({ artifactType }: OciManifest | OciIndex): boolean {
  return artifactType === yankArtifactType;
}

/** Undefined for what does not say that it is a mark. Throws `registry-server/yank-invalid` for what says so and is none. */
export function readYankManifest(manifest: OciManifest | OciIndex, nowMs: number): YankMark | undefined {
  const { subject, annotations, kind } = manifest;
  if (!isYankManifest(manifest)) return undefined;
  if (kind !== "manifest" || subject === undefined)
    throw yankInvalid("a yank mark is an image manifest with a subject");
  const mark = readYankMark(annotations);
  if (mark === undefined) throw yankInvalid("the annotations do not say who yanked when and why");
  if (mark.atMs > nowMs + maxAheadMs) throw yankInvalid(`the mark is of ${new Date(mark.atMs).toISOString()}`);
  return mark;
}

function yankInvalid(message: string) {
  return registryError("registry-server/yank-invalid", message);
}
