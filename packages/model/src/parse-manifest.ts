import type { Diagnostic } from "@cpm/base";
import { faultsError } from "./errors.ts";
import { Faults } from "./faults.ts";
import { manifestSchema } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import type { SourceFile, SourceNode } from "./source.ts";
import { parseSource } from "./yaml.ts";

/** The name of the manifest in a package directory. */
export const manifestFileName = "colony.yaml";

/**
 * Reads a manifest and reports everything that is wrong with it. `manifest` is there exactly when no error was
 * found. Throws only what `parseSource` throws: the text is not YAML.
 */
export function readManifest(file: SourceFile): { manifest?: Manifest; diagnostics: readonly Diagnostic[] } {
  const faults = new Faults();
  const documents = parseSource(file);
  const [document] = documents;
  if (document === undefined || documents.length > 1) {
    const place: SourceNode = documents[1] ?? { kind: "scalar", value: null, file, range: [0, 0] };
    faults.add("manifest/invalid", place, document === undefined ? "the file is empty" : "a manifest is one document");
    return { diagnostics: faults.diagnostics };
  }
  const manifest = manifestSchema.parse(document, faults);
  const valid = manifest !== undefined && faults.diagnostics.length === 0;
  return { ...(valid ? { manifest } : {}), diagnostics: faults.diagnostics };
}

/** Throws `manifest/invalid` with all the faults, or what `parseSource` throws. */
export function parseManifest(file: SourceFile): Manifest {
  const { manifest, diagnostics } = readManifest(file);
  if (manifest === undefined) throw faultsError("manifest/invalid", diagnostics);
  return manifest;
}
