import { decodeUtf8, encodeUtf8, isDigest, isJsonObject, parseJson, printable, stringifyJson } from "@cpm/base";
import type { Digest, JsonObject, JsonValue } from "@cpm/base";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import type { Descriptor, Platform } from "./descriptor.ts";
import { invalidManifest, manifestTooLarge } from "./errors.ts";
import type { OciIndex, OciManifest } from "./manifest.ts";
import { isIndexType, isManifestType, mediaTypes } from "./media-types.ts";

export interface ManifestLimits {
  /** Size of the JSON text. Default 4 MiB, what registries must take (distribution-spec v1.1, "Pushing manifests"). */
  readonly maxBytes: number;
  /** Descriptors in one list. Default 10 000. */
  readonly maxDescriptors: number;
}

export const defaultManifestLimits: ManifestLimits = { maxBytes: 4 * 1024 * 1024, maxDescriptors: 10_000 };

/**
 * Reads a manifest or an index. `mediaType` is what the transport said it is: a document that says otherwise
 * is refused, and so is one that could be read as both, so that no two readers can be shown two artifacts.
 * Unknown fields are ignored, as the specification asks. Throws `oci/invalid-manifest` or `oci/manifest-too-large`.
 */
export function parseManifestBytes(
  bytes: Uint8Array,
  mediaType?: string,
  limits: ManifestLimits = defaultManifestLimits,
): OciManifest | OciIndex {
  if (bytes.length > limits.maxBytes) throw manifestTooLarge(bytes.length, limits.maxBytes);
  const document = parseDocument(bytes);
  if (document["schemaVersion"] !== 2) throw invalidManifest("schemaVersion is not 2");
  const type = documentType(document, mediaType);
  const listed = Object.hasOwn(document, "manifests");
  const layered = Object.hasOwn(document, "layers") || Object.hasOwn(document, "config");
  if (listed && layered) throw invalidManifest("the document has both manifests and layers");
  if (isIndexType(type) !== listed) {
    throw invalidManifest(`the document is called ${type} but is ${listed ? "an index" : "not an index"}`);
  }
  const shared = { mediaType: type, ...commonFields(document) };
  return listed
    ? { kind: "index", ...shared, manifests: descriptorList(document, "manifests", limits) }
    : {
        kind: "manifest",
        ...shared,
        config: parseDescriptor(document["config"], "config"),
        layers: descriptorList(document, "layers", limits),
      };
}

/** The JSON text of a manifest or index, the same for the same value on every machine. */
export function formatManifest(manifest: OciManifest | OciIndex): Uint8Array<ArrayBuffer> {
  const body: Record<string, JsonValue> = { schemaVersion: 2, mediaType: manifest.mediaType };
  if (manifest.artifactType !== undefined) body["artifactType"] = manifest.artifactType;
  if (manifest.kind === "manifest") {
    body["config"] = descriptorToJson(manifest.config);
    body["layers"] = manifest.layers.map(descriptorToJson);
  } else {
    body["manifests"] = manifest.manifests.map(descriptorToJson);
  }
  if (manifest.subject !== undefined) body["subject"] = descriptorToJson(manifest.subject);
  if (manifest.annotations !== undefined) body["annotations"] = sortedRecord(manifest.annotations);
  return encodeUtf8(stringifyJson(body));
}

/** Everything that must be in a store before the manifest may be: its subject is not among it. */
export function descriptorsOf(manifest: OciManifest | OciIndex): readonly Descriptor[] {
  return manifest.kind === "index" ? manifest.manifests : [manifest.config, ...manifest.layers];
}

/** Throws `oci/invalid-manifest`, naming the field as `path`. */
export function parseDescriptor(value: JsonValue | undefined, path: string): Descriptor {
  if (!isJsonObject(value)) throw invalidManifest(`${path} is not a descriptor`);
  const { digest, size, mediaType } = value;
  if (typeof mediaType !== "string" || mediaType === "") throw invalidManifest(`${path}.mediaType is missing`);
  if (typeof digest !== "string" || !isDigest(digest)) {
    throw invalidManifest(`${path}.digest is not a digest: ${printable(JSON.stringify(digest) ?? "nothing")}`);
  }
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw invalidManifest(
      `${path}.size is not a size: ${printable(JSON.stringify(size, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value)) ?? "nothing")}`,
    );
  }
  return { mediaType, digest, sizeBytes: size, ...optionalDescriptorFields(value, path) };
}

export function descriptorToJson(descriptor: Descriptor): JsonObject {
  const { mediaType, digest, sizeBytes, urls, annotations, data, artifactType, platform } = descriptor;
  return {
    mediaType,
    digest,
    size: sizeBytes,
    ...(urls === undefined ? {} : { urls }),
    ...(annotations === undefined ? {} : { annotations: sortedRecord(annotations) }),
    ...(data === undefined ? {} : { data: encodeBase64(data) }),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(platform === undefined ? {} : { platform: platformToJson(platform) }),
  };
}

function parseDocument(bytes: Uint8Array): JsonObject {
  let document: JsonValue;
  try {
    document = parseJson(decodeUtf8(bytes), { file: "manifest", maxDepth: 32 });
  } catch (cause) {
    throw invalidManifest(cause instanceof Error ? cause.message : "not JSON", cause);
  }
  if (!isJsonObject(document)) throw invalidManifest("the document is not an object");
  return document;
}

function documentType(document: JsonObject, transportType: string | undefined): string {
  const own = document["mediaType"];
  if (own !== undefined && typeof own !== "string") throw invalidManifest("mediaType is not a string");
  if (own !== undefined && transportType !== undefined && own !== transportType) {
    throw invalidManifest(`the document says ${own} where ${transportType} was announced`);
  }
  const type = own ?? transportType ?? (Object.hasOwn(document, "manifests") ? mediaTypes.index : mediaTypes.manifest);
  if (!isManifestType(type)) throw invalidManifest(`${printable(type)} is not a manifest type`);
  return type;
}

function commonFields(document: JsonObject): Pick<OciManifest, "artifactType" | "subject" | "annotations"> {
  const { artifactType, subject } = document;
  if (artifactType !== undefined && typeof artifactType !== "string") {
    throw invalidManifest("artifactType is not a string");
  }
  const annotations = stringRecord(document["annotations"], "annotations");
  return {
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(subject === undefined ? {} : { subject: parseDescriptor(subject, "subject") }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

function descriptorList(document: JsonObject, key: string, limits: ManifestLimits): Descriptor[] {
  const list = document[key];
  if (!Array.isArray(list)) throw invalidManifest(`${key} is not a list`);
  if (list.length > limits.maxDescriptors) {
    throw invalidManifest(`${key} has ${list.length} descriptors, more than ${limits.maxDescriptors}`);
  }
  return list.map((item: JsonValue, index) => parseDescriptor(item, `${key}[${index}]`));
}

function optionalDescriptorFields(value: JsonObject, path: string): Partial<Descriptor> {
  const { artifactType, urls, data, platform } = value;
  if (artifactType !== undefined && typeof artifactType !== "string") {
    throw invalidManifest(`${path}.artifactType is not a string`);
  }
  if (data !== undefined && typeof data !== "string") throw invalidManifest(`${path}.data is not a string`);
  const inline = data === undefined ? undefined : decodeBase64(data);
  if (data !== undefined && inline === undefined) throw invalidManifest(`${path}.data is not base64`);
  const annotations = stringRecord(value["annotations"], `${path}.annotations`);
  return {
    ...(urls === undefined ? {} : { urls: stringList(urls, `${path}.urls`) }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(inline === undefined ? {} : { data: inline }),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(platform === undefined ? {} : { platform: parsePlatform(platform, `${path}.platform`) }),
  };
}

function parsePlatform(value: JsonValue, path: string): Platform {
  if (!isJsonObject(value)) throw invalidManifest(`${path} is not an object`);
  const { os, architecture, variant, "os.version": osVersion, "os.features": osFeatures } = value;
  if (typeof os !== "string" || typeof architecture !== "string") {
    throw invalidManifest(`${path} lacks os or architecture`);
  }
  return {
    os,
    architecture,
    ...(typeof variant === "string" ? { variant } : {}),
    ...(typeof osVersion === "string" ? { osVersion } : {}),
    ...(osFeatures === undefined ? {} : { osFeatures: stringList(osFeatures, `${path}.os.features`) }),
  };
}

function platformToJson(platform: Platform): JsonObject {
  const { os, architecture, variant, osVersion, osFeatures } = platform;
  return {
    architecture,
    os,
    ...(osVersion === undefined ? {} : { "os.version": osVersion }),
    ...(osFeatures === undefined ? {} : { "os.features": osFeatures }),
    ...(variant === undefined ? {} : { variant }),
  };
}

function stringList(value: JsonValue, path: string): string[] {
  if (!Array.isArray(value)) throw invalidManifest(`${path} is not a list`);
  return value.map((item: JsonValue) => {
    if (typeof item !== "string") throw invalidManifest(`${path} holds something that is not a string`);
    return item;
  });
}

function stringRecord(value: JsonValue | undefined, path: string): Record<string, string> | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) throw invalidManifest(`${path} is not an object`);
  for (const [key, entry] of Object.entries(value)) {
    if (typeof entry !== "string") throw invalidManifest(`${path}["${printable(key)}"] is not a string`);
  }
  return value as Record<string, string>;
}

function sortedRecord(record: Readonly<Record<string, string>>): JsonObject {
  return Object.fromEntries(Object.entries(record).sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** The empty JSON object, the config of artifacts that have none (image-spec v1.1, manifest.md "Guidance for an Empty Descriptor"). */
export const emptyDescriptor: Descriptor = {
  mediaType: mediaTypes.empty,
  digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" as Digest,
  sizeBytes: 2,
  data: encodeUtf8("{}"),
};
