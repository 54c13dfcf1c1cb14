import { existsSync, readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import type { CpmError, Diagnostic } from "@cpm/base";
import { decodeUtf8, printable } from "@cpm/base";
import type { Glob, Manifest, SourceFile } from "@cpm/model";
import { manifestFileName, matchGlob, parseGlob, readManifest } from "@cpm/model";
import { listFiles, withFileErrors } from "@cpm/store";
import type { SourceEntry } from "@cpm/store";
import { operationError, operationsErrors } from "../errors.ts";

/** A package as its author has it on disk. */
export interface PackageDirectory {
  readonly root: string;
  readonly manifest: Manifest;
  readonly manifestFile: SourceFile;
  readonly templates: readonly SourceFile[];
  /** colony.yaml, templates, README and LICENSE: the first layer. */
  readonly packageFiles: readonly SourceEntry[];
  /** The files for the node, first those for every platform; a group without files is left out. */
  readonly payload: readonly PayloadFiles[];
}

export interface PayloadFiles {
  /** `os/arch` in Go's names; undefined for every platform. */
  readonly platform: string | undefined;
  readonly files: readonly SourceEntry[];
}

/** What was found in a directory, faults and all. `directory` is there when nothing is wrong with the manifest. */
export interface InspectedDirectory {
  readonly directory?: PackageDirectory;
  readonly manifestFile: SourceFile;
  readonly templates: readonly SourceFile[];
  readonly diagnostics: readonly Diagnostic[];
}

const maxTemplateBytes = 1024 * 1024;
const templateName = /^templates\/.+\.(?:yaml|yml|json)$/;
const packageName = /^(?:colony\.yaml|README(?:\.[a-z]+)?|LICENSE(?:\.[a-z]+)?|templates\/.+)$/;
const ignored = /^(?:\.git|node_modules)(?:\/|$)|^[^/]+\.cpm$/;

/**
 * Reads a package directory and collects what is wrong with its manifest and its files. Paths in faults begin with
 * `root` as it was given. Throws `package/no-manifest`, and what the file system says.
 */
export function inspectPackageDirectory(root: string): InspectedDirectory {
  const manifestFile = readSource(root, manifestFileName);
  const { manifest, diagnostics } = readManifest(manifestFile);
  const packageFiles = listFiles(root, (path) => packageName.test(path));
  const templateFiles = packageFiles.filter((entry) => entry.type === "file" && entry.path.startsWith("templates/"));
  const odd = templateFiles.filter(({ path, sizeBytes }) => !templateName.test(path) || sizeBytes > maxTemplateBytes);
  const templates = templateFiles.filter((entry) => !odd.includes(entry)).map(({ path }) => readSource(root, path));
  const found = { manifestFile, templates };
  const faults = [...diagnostics, ...odd.map(({ path }) => templateFileFault(root, path))];
  if (manifest === undefined) return { ...found, diagnostics: faults };
  const { payload, empty } = collectPayload(root, manifest);
  const directory = { root, manifest, manifestFile, templates, packageFiles, payload };
  return { ...found, directory, diagnostics: [...faults, ...empty] };
}

/** The manifest alone: neither templates nor files are looked at. Throws `package/no-manifest`, `package/invalid`. */
export function readPackageManifest(root: string): Manifest {
  const { manifest, diagnostics } = readManifest(readSource(root, manifestFileName));
  if (manifest === undefined) throw invalidPackage(root, diagnostics);
  return manifest;
}

/** With the errors among what was found. */
export function invalidPackage(root: string, diagnostics: readonly Diagnostic[]): CpmError {
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === "error");
  const message = `${root} has ${errors.length === 1 ? "a fault" : "faults"}`;
  return operationError("package/invalid", message, { diagnostics: errors });
}

function readSource(root: string, path: string): SourceFile {
  const shown = normalize(join(root, path));
  if (path === manifestFileName && !existsSync(join(root, path))) {
    const missing = existsSync(root) ? `${printable(root)} has no ${path}` : `there is no directory ${printable(root)}`;
    throw operationError("package/no-manifest", missing);
  }
  const bytes = withFileErrors("read", shown, () => readFileSync(join(root, path)));
  return { path: shown, text: decodeUtf8(bytes) };
}

/** Files that a rule for one platform takes are not taken again for every platform. */
function collectPayload(
  root: string,
  manifest: Manifest,
): { payload: readonly PayloadFiles[]; empty: readonly Diagnostic[] } {
  const rules = manifest.payload.map((rule) => ({
    platform: rule.platform,
    include: rule.include.map(parseGlob),
    exclude: rule.exclude.map(parseGlob),
    text: rule.include.join(", "),
    matches: 0,
  }));
  const takes = (rule: (typeof rules)[number], path: string): boolean => {
    const taken = matchesAny(rule.include, path) && !matchesAny(rule.exclude, path);
    if (taken) rule.matches++;
    return taken;
  };
  const specific = rules.filter((rule) => rule.platform !== undefined);
  const platforms = [undefined, ...new Set(specific.map((rule) => rule.platform))];
  const payload = platforms.map((platform) => {
    const own = rules.filter((rule) => rule.platform === platform);
    const files = listFiles(root, (path) => {
      if (own.length === 0 || packageName.test(path) || ignored.test(path)) return false;
      const taken = own.filter((rule) => takes(rule, path)).length > 0;
      return taken && (platform !== undefined || !specific.some((rule) => takes(rule, path)));
    });
    return { platform, files };
  });
  const empty = rules.filter((rule) => rule.matches === 0).map((rule) => emptyRuleFault(rule.text));
  return { payload: payload.filter(({ files }) => files.length > 0), empty };
}

function matchesAny(globs: readonly Glob[], path: string): boolean {
  return globs.some((glob) => matchGlob(glob, path));
}

function templateFileFault(root: string, path: string): Diagnostic {
  const code = "package/template-file";
  const message = `${normalize(join(root, path))} is no template`;
  return { code, severity: "error", message, hint: operationsErrors[code].hint };
}

function emptyRuleFault(patterns: string): Diagnostic {
  const code = "package/empty-payload";
  return { code, severity: "error", message: `no file matches ${patterns}`, hint: operationsErrors[code].hint };
}

/** Whether a path is a directory that holds a package. */
export function isPackageDirectory(path: string): boolean {
  return existsSync(join(path, manifestFileName));
}
