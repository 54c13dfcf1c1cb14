import { expect, test } from "bun:test";
import type { Digest } from "@cpm/base";
import { decodeUtf8, encodeUtf8, isCpmError } from "@cpm/base";
import fc from "fast-check";
import { descriptorsOf, emptyDescriptor, formatManifest, parseManifestBytes } from "./codec.ts";
import type { Descriptor } from "./descriptor.ts";
import type { OciIndex, OciManifest } from "./manifest.ts";
import { mediaTypes } from "./media-types.ts";

const digest = (letter: string): Digest => `sha256:${letter.repeat(64)}` as Digest;
const layer = { mediaType: "application/x-layer", digest: `${digest("b")}`, size: 7 };
const config = { mediaType: "application/x-config", digest: `${digest("a")}`, size: 2 };
const manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [layer] };

function parse(document: unknown, mediaType?: string, limits?: Parameters<typeof parseManifestBytes>[2]) {
  return parseManifestBytes(encodeUtf8(JSON.stringify(document)), mediaType, limits);
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isCpmError(error)) return `${error.code} ${error.message}`;
    throw error;
  }
  throw new Error("it was accepted");
}

test("the example of the image specification is read", () => {
  const read = parse({
    ...manifest,
    annotations: { "com.example.key1": "value1" },
    subject: { mediaType: mediaTypes.manifest, digest: digest("c"), size: 7682 },
    aFieldOfTomorrow: [1, 2],
  });
  expect(read).toEqual({
    kind: "manifest",
    mediaType: mediaTypes.manifest,
    config: { mediaType: "application/x-config", digest: digest("a"), sizeBytes: 2 },
    layers: [{ mediaType: "application/x-layer", digest: digest("b"), sizeBytes: 7 }],
    annotations: { "com.example.key1": "value1" },
    subject: { mediaType: mediaTypes.manifest, digest: digest("c"), sizeBytes: 7682 },
  });
  expect(descriptorsOf(read).map((entry) => entry.digest)).toEqual([digest("a"), digest("b")]);
});

test("the media type comes from the document, then from the transport, then from the shape", () => {
  const { mediaType: _mediaType, ...untyped } = manifest;
  expect(parse(untyped).mediaType).toBe(mediaTypes.manifest);
  expect(parse(untyped, mediaTypes.dockerManifest).mediaType).toBe(mediaTypes.dockerManifest);
  expect(parse({ schemaVersion: 2, manifests: [] }).kind).toBe("index");
});

test.each([
  ["not JSON", "{", "oci/invalid-manifest"],
  ["a list", "[]", "is not an object"],
  ["schema 1", JSON.stringify({ ...manifest, schemaVersion: 1 }), "schemaVersion is not 2"],
  ["no schema", JSON.stringify({ ...manifest, schemaVersion: undefined }), "schemaVersion is not 2"],
  ["both kinds at once", JSON.stringify({ ...manifest, manifests: [] }), "both manifests and layers"],
  ["an index in name", JSON.stringify({ ...manifest, mediaType: mediaTypes.index }), "is not an index"],
  [
    "a manifest in name",
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.manifest, manifests: [] }),
    "is an index",
  ],
  ["another type", JSON.stringify({ ...manifest, mediaType: "text/html" }), "text/html is not a manifest type"],
  ["a type that is a number", JSON.stringify({ ...manifest, mediaType: 5 }), "mediaType is not a string"],
  ["no config", JSON.stringify({ ...manifest, config: undefined }), "config is not a descriptor"],
  ["layers that are a map", JSON.stringify({ ...manifest, layers: {} }), "layers is not a list"],
  [
    "an upper-case digest",
    JSON.stringify({ ...manifest, layers: [{ ...layer, digest: `sha256:${"B".repeat(64)}` }] }),
    "layers[0].digest is not a digest",
  ],
  [
    "a label for other bytes",
    JSON.stringify({ ...manifest, layers: [{ ...layer, digest: `sha512:${"b".repeat(64)}` }] }),
    "layers[0].digest",
  ],
  [
    "a negative size",
    JSON.stringify({ ...manifest, layers: [{ ...layer, size: -1 }] }),
    "layers[0].size is not a size",
  ],
  [
    "a size beyond exact numbers",
    `{"schemaVersion":2,"config":{"mediaType":"a","digest":"${digest("a")}","size":9007199254740993},"layers":[]}`,
    "config.size is not a size",
  ],
  [
    "data that is not base64",
    JSON.stringify({ ...manifest, config: { ...config, data: "***" } }),
    "config.data is not base64",
  ],
  [
    "an annotation that is a number",
    JSON.stringify({ ...manifest, annotations: { a: 1 } }),
    'annotations["a"] is not a string',
  ],
  [
    "a platform without os",
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...layer, platform: { architecture: "amd64" } }] }),
    "lacks os or architecture",
  ],
  [
    "a key twice",
    `{"schemaVersion":2,"schemaVersion":2,"config":${JSON.stringify(config)},"layers":[]}`,
    "oci/invalid-manifest",
  ],
  ["a depth of 100", `${'{"a":'.repeat(100)}1${"}".repeat(100)}`, "oci/invalid-manifest"],
])("%s is refused", (_name, text, expected) => {
  expect(refusal(() => parseManifestBytes(encodeUtf8(text)))).toContain(expected);
});

test("what the transport announced must be what the document says", () => {
  expect(refusal(() => parse(manifest, mediaTypes.dockerManifest))).toContain("was announced");
});

test("size and number of descriptors have limits", () => {
  const limits = { maxBytes: 10_000, maxDescriptors: 3 };
  expect(refusal(() => parse({ ...manifest, layers: [layer, layer, layer, layer] }, undefined, limits))).toContain(
    "more than 3",
  );
  const long = { ...manifest, annotations: { a: "x".repeat(10_000) } };
  expect(refusal(() => parse(long, undefined, limits))).toStartWith("oci/manifest-too-large");
});

test("the empty descriptor is that of the specification", () => {
  expect(decodeUtf8(emptyDescriptor.data ?? new Uint8Array())).toBe("{}");
  expect(new Bun.CryptoHasher("sha256").update("{}").digest("hex")).toBe(emptyDescriptor.digest.slice(7));
});

const anyDigest = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => `sha256:${Buffer.from(bytes).toString("hex")}` as Digest);
const annotations = fc.dictionary(
  fc.string({ maxLength: 20 }).filter((key) => key !== "__proto__"),
  fc.string({ maxLength: 40 }),
  { maxKeys: 4 },
);
const platform = fc.record(
  {
    os: fc.constantFrom("linux", "windows"),
    architecture: fc.constantFrom("amd64", "arm64"),
    variant: fc.constant("v8"),
    osVersion: fc.constant("10.0"),
    osFeatures: fc.constant(["win32k"]),
  },
  { requiredKeys: ["os", "architecture"] },
);
const descriptor: fc.Arbitrary<Descriptor> = fc.record(
  {
    mediaType: fc.constantFrom("application/x-a", "application/x-b+json"),
    digest: anyDigest,
    sizeBytes: fc.nat(),
    urls: fc.array(fc.webUrl(), { maxLength: 2 }),
    annotations,
    data: fc.uint8Array({ maxLength: 20 }),
    artifactType: fc.constant("application/x-artifact"),
    platform,
  },
  { requiredKeys: ["mediaType", "digest", "sizeBytes"] },
) as fc.Arbitrary<Descriptor>;
const common = { artifactType: fc.constant("application/x-artifact"), subject: descriptor, annotations };

test("formatting and parsing are inverse, and one value has one text", () => {
  const manifests = fc.record(
    {
      kind: fc.constant("manifest"),
      mediaType: fc.constant(mediaTypes.manifest),
      config: descriptor,
      layers: fc.array(descriptor, { maxLength: 4 }),
      ...common,
    },
    { requiredKeys: ["kind", "mediaType", "config", "layers"] },
  ) as fc.Arbitrary<OciManifest>;
  const indexes = fc.record(
    {
      kind: fc.constant("index"),
      mediaType: fc.constant(mediaTypes.index),
      manifests: fc.array(descriptor, { maxLength: 4 }),
      ...common,
    },
    { requiredKeys: ["kind", "mediaType", "manifests"] },
  ) as fc.Arbitrary<OciIndex>;
  fc.assert(
    fc.property(fc.oneof(manifests, indexes), (value) => {
      const bytes = formatManifest(value);
      const read = parseManifestBytes(bytes);
      expect(read).toEqual(value);
      expect(formatManifest(read)).toEqual(bytes);
    }),
  );
});

test("bytes that are no manifest end in a coded error and nothing else", () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(encodeUtf8)), (bytes) => {
      try {
        parseManifestBytes(bytes);
      } catch (error) {
        if (!isCpmError(error)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
