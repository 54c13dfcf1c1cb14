import { canonicalJson, decodeUtf8, encodeUtf8, formatDiagnostic, isDigest, parseJson } from "@cpm/base";
import type { Digest, JsonObject } from "@cpm/base";
import { invalidConfig } from "./errors.ts";
import { Faults } from "./faults.ts";
import { formatManifest, manifestSchema } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import { listOf, objectOf } from "./schema/collections.ts";
import { integer, oneOf, text } from "./schema/scalars.ts";
import { converted } from "./schema/schema.ts";
import type { Schema } from "./schema/schema.ts";
import { parseSource } from "./yaml.ts";

/**
 * The config of a package artifact: the normalised manifest, and for each layer what its bytes must become.
 * Resolution and limits come from it, so no layer is needed to judge a package.
 */
export interface PackageConfig {
  readonly manifest: Manifest;
  /** In the order of the artifact's layers; the first has the role `package`. */
  readonly layers: readonly LayerRecord[];
  /** Address of the tree that all layers together unpack to: sha256 of its canonical listing. */
  readonly tree: Digest;
}

export interface LayerRecord {
  /** `package`: colony.yaml, templates, README, LICENSE. `payload`: files for the node. */
  readonly role: "package" | "payload";
  readonly platform?: string;
  /** sha256 of the uncompressed tar. */
  readonly diffId: Digest;
  /** Size of the uncompressed tar. */
  readonly sizeBytes: number;
  /** Files, directories and symlinks in it. */
  readonly entries: number;
}

const maxConfigBytes = 1024 * 1024;

export const digest: Schema<Digest> = converted(
  text("a digest"),
  "a digest",
  (value) => (isDigest(value) && value.startsWith("sha256:") ? value : undefined),
  (value) => value,
  (value) => ({ message: `"${value}" is not a sha256 digest` }),
);

export const count: Schema<number> = converted(
  integer({ min: 0n, max: BigInt(Number.MAX_SAFE_INTEGER) }),
  "a whole number",
  Number,
  BigInt,
  (value) => ({ message: `${value} is too large` }),
);

const layersSchema = listOf(
  objectOf<LayerRecord>("a layer", {
    role: { schema: oneOf(["package", "payload"]), description: "What the layer is for.", required: true },
    platform: { schema: text("os/arch", { maxLength: 40 }), description: "The platform it is for." },
    diffId: { schema: digest, description: "sha256 of the uncompressed tar.", required: true },
    sizeBytes: { schema: count, description: "Size of the uncompressed tar.", required: true },
    entries: { schema: count, description: "Entries in the tar.", required: true },
  }),
  { minItems: 1, maxItems: 64 },
);

/** Canonical JSON (RFC 8785): the same config has the same bytes on every machine. */
export function formatPackageConfig(config: PackageConfig): Uint8Array<ArrayBuffer> {
  const body: JsonObject = {
    ...formatManifest(config.manifest),
    layers: layersSchema.format(config.layers),
    tree: config.tree,
  };
  return encodeUtf8(canonicalJson(body));
}

/**
 * Reads a config strictly: the same checks as `colony.yaml`, and only the canonical bytes, so that one package
 * has one digest. Throws `config/invalid`.
 */
export function parsePackageConfig(bytes: Uint8Array): PackageConfig {
  if (bytes.length > maxConfigBytes) throw invalidConfig(`it has ${bytes.length} bytes, more than ${maxConfigBytes}`);
  const source = decodeConfig(bytes);
  const [document] = parseSource({ path: "config", text: source });
  if (document?.kind !== "map") throw invalidConfig("it is not an object");
  const faults = new Faults();
  const layersEntry = document.entries.find((entry) => entry.key === "layers");
  const treeEntry = document.entries.find((entry) => entry.key === "tree");
  if (layersEntry === undefined || treeEntry === undefined) throw invalidConfig("it lists no layers or no tree");
  const manifestNode = {
    ...document,
    entries: document.entries.filter((entry) => entry !== layersEntry && entry !== treeEntry),
  };
  const manifest = manifestSchema.parse(manifestNode, faults);
  const layers = layersSchema.parse(layersEntry.value, faults);
  const tree = digest.parse(treeEntry.value, faults);
  const [first] = faults.diagnostics;
  if (manifest === undefined || layers === undefined || tree === undefined || first !== undefined) {
    throw invalidConfig(first === undefined ? "it cannot be read" : (formatDiagnostic(first).split("\n")[0] ?? ""));
  }
  if (layers.some((layer, index) => (layer.role === "package") !== (index === 0))) {
    throw invalidConfig("exactly the first layer must be the package layer");
  }
  return { manifest, layers, tree };
}

function decodeConfig(bytes: Uint8Array): string {
  try {
    const source = decodeUtf8(bytes);
    if (canonicalJson(parseJson(source, { file: "config" })) === source) return source;
  } catch (cause) {
    throw invalidConfig(cause instanceof Error ? cause.message : "not JSON", cause);
  }
  throw invalidConfig("it is not canonical JSON");
}
