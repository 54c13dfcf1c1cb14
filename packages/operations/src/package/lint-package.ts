import type { Diagnostic } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import type { Dependency, InputValues, Manifest, SourceFile } from "@cpm/model";
import { locateSource, parseSource } from "@cpm/model";
import { checkResources, checkTemplates, parseTemplates, renderTemplates, sampleInputs } from "@cpm/template";
import type { Resource } from "@cpm/template";
import { operationsErrors } from "../errors.ts";
import { activeDependencies } from "../resolution/active-dependencies.ts";
import { executorTypesOf } from "../resources/executor-types.ts";
import { inspectPackageDirectory, invalidPackage } from "./package-directory.ts";
import type { PackageDirectory } from "./package-directory.ts";

export interface LintReport {
  readonly diagnostics: readonly Diagnostic[];
  /** There when nothing but warnings was found. */
  readonly directory?: PackageDirectory;
}

/**
 * Everything that is wrong with a package, before anybody else sees it: the manifest, the templates unevaluated,
 * and what they render to with the defaults and the simplest values for required inputs.
 */
export function lintPackage(root: string): LintReport {
  const inspected = inspectPackageDirectory(root);
  const parsed = parseTemplates(inspected.templates);
  const diagnostics = [...inspected.diagnostics, ...parsed.diagnostics];
  const { directory } = inspected;
  if (directory === undefined) return { diagnostics };
  const { manifest, manifestFile } = directory;
  diagnostics.push(...checkTemplates(parsed.documents, manifest, (key) => locateInput(manifestFile, key)));
  const guesses = inspected.templates.some(({ text }) => /\bdeps\b.*\boutputs\b/.test(text));
  if (!hasErrors(diagnostics)) diagnostics.push(...sampleFaults(parsed, manifest, guesses));
  return hasErrors(diagnostics) ? { diagnostics } : { diagnostics, directory };
}

/** A directory without faults; throws `package/…`, `manifest/invalid` or `template/invalid` with all that were found. */
export function readPackageDirectory(root: string): { directory: PackageDirectory; warnings: readonly Diagnostic[] } {
  const { directory, diagnostics } = lintPackage(root);
  if (directory !== undefined) return { directory, warnings: diagnostics };
  throw invalidPackage(root, diagnostics);
}

/** `guesses`: what a dependency gives out is not known here either. */
function sampleFaults(parsed: ReturnType<typeof parseTemplates>, manifest: Manifest, guesses: boolean): Diagnostic[] {
  const { values, invented } = sampleInputs(manifest.inputs);
  const scope = {
    inputs: values,
    release: { name: "sample", revision: 1, colony: "sample" },
    package: { name: manifest.name, version: manifest.version.text, digest: "" as const, path: "/sample" },
    deps: Object.fromEntries(
      sampleDependencies(manifest, values).map((dependency) => [
        dependency.alias ?? dependency.name,
        { path: "/sample", version: dependency.version.text, outputs: {} },
      ]),
    ),
  };
  try {
    const { resources, diagnostics } = checkResources(renderTemplates(parsed.documents, scope));
    return [...diagnostics, ...undeclaredExecutors(resources, manifest)];
  } catch (error) {
    // What only fails for a value that nobody gave is not the author's fault.
    if (!isCpmError(error) || error.diagnostics === undefined) throw error;
    const guessed = guesses || invented.length > 0;
    const blameless = guessed && error.diagnostics.every((fault) => fault.code === "template/evaluation");
    return blameless ? [] : [...error.diagnostics];
  }
}

/** A condition that fails for a value that nobody gave says nothing about the package. */
function sampleDependencies(manifest: Manifest, values: InputValues): readonly Dependency[] {
  try {
    return activeDependencies(manifest, values);
  } catch (error) {
    if (!isCpmError(error, "template/invalid")) throw error;
    return manifest.dependencies;
  }
}

function undeclaredExecutors(resources: readonly Resource[], manifest: Manifest): Diagnostic[] {
  const declared = new Set(manifest.requires.executors.map((executor) => executor.type));
  const code = "package/undeclared-executor";
  return [...executorTypesOf(resources)]
    .filter((type) => !declared.has(type))
    .map((type) => ({
      code,
      severity: "warning" as const,
      message: `a template needs an executor of type "${type}", which requires.executors does not name`,
      hint: operationsErrors[code].hint,
    }));
}

/** Where an input stands in colony.yaml. */
function locateInput(file: SourceFile, key: string): Diagnostic["location"] {
  const [document] = parseSource(file);
  const inputs = document?.kind === "map" ? document.entries.find((entry) => entry.key === "inputs")?.value : undefined;
  for (const item of inputs?.kind === "list" ? inputs.items : []) {
    const entry = item.kind === "map" ? item.entries.find((candidate) => candidate.key === "key") : undefined;
    if (entry?.value.kind === "scalar" && entry.value.value === key) return locateSource(file, entry.value.range);
  }
  return undefined;
}

function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === "error");
}
