import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** The rungs of ARCHITECTURE.md, from the bottom. A package may import only from rungs below its own. */
export const rungs: readonly (readonly string[])[] = [
  ["packages/base"],
  ["packages/model", "packages/oci"],
  ["packages/solver", "packages/template", "packages/trust", "packages/archive"],
  ["packages/system", "packages/service"],
  ["packages/store", "packages/colonies", "packages/registry-client", "packages/agent-client"],
  ["packages/operations"],
  ["apps/cli", "apps/registry", "apps/agent", "apps/dev-colony"],
  ["tools", "tests", "bench"],
];

/** Rungs 0 to 2 cannot name the file system, the network, the clock or chance. */
const pureRungs = 3;

/** Applications may be wired into one another at the top: the command line starts the other two for `cpm dev`. */
const wiring: Readonly<Record<string, readonly string[]>> = {
  "apps/cli": ["apps/registry", "apps/dev-colony", "tools"],
};

const impureIdentifiers: readonly [RegExp, string][] = [
  [/\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/, "the clock: take a Clock"],
  [/\bMath\.random\b|\bcrypto\.(getRandomValues|randomUUID)\b/, "chance: take it as a parameter"],
  [/\bprocess\.(env|argv|cwd|exit)\b/, "the process: take it as a parameter"],
  [/\bfrom "(node|bun)(:[^"]*)?"|\bBun\.|\bfetch\(/, "the file system or the network: belongs in an adapter"],
];

export interface WorkspacePackage {
  readonly name: string;
  readonly folder: string;
  readonly rung: number;
  readonly dependencies: readonly string[];
  readonly developmentDependencies: readonly string[];
  readonly exports: readonly string[];
}

export interface SourceText {
  readonly path: string;
  readonly text: string;
}

/** Reads the workspace as it is on disk: every package that a rung names and that exists, and its TypeScript files. */
export function readWorkspace(root: string): { packages: WorkspacePackage[]; sources: SourceText[] } {
  const packages: WorkspacePackage[] = [];
  const sources: SourceText[] = [];
  for (const folder of workspaceFolders(root)) {
    const manifest = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
    packages.push({
      name: manifest.name,
      folder,
      rung: rungs.findIndex((rung) => rung.includes(folder)),
      dependencies: Object.keys(manifest.dependencies ?? {}),
      developmentDependencies: Object.keys(manifest.devDependencies ?? {}),
      exports: Object.keys(manifest.exports ?? {}),
    });
    for (const path of typescriptFiles(join(root, folder))) {
      sources.push({ path: relative(root, path), text: readFileSync(path, "utf8") });
    }
  }
  return { packages, sources };
}

/** Every breach of the ladder, as sentences; none when the house stands. */
export function ladderFaults(packages: readonly WorkspacePackage[], sources: readonly SourceText[]): string[] {
  const byName = new Map(packages.map((entry) => [entry.name, entry]));
  const faults = packages.flatMap((entry) => [
    ...(entry.rung === -1 ? [`${entry.folder} stands on no rung of the ladder`] : []),
    ...entry.dependencies.flatMap((dependency) =>
      directionFault(entry, byName.get(dependency), `${entry.folder}/package.json`),
    ),
  ]);
  for (const source of sources) {
    const owner = packages.find((entry) => source.path.startsWith(`${entry.folder}/`));
    if (owner !== undefined) faults.push(...sourceFaults(source, owner, byName));
  }
  return faults;
}

function sourceFaults(
  source: SourceText,
  owner: WorkspacePackage,
  byName: ReadonlyMap<string, WorkspacePackage>,
): string[] {
  const faults: string[] = [];
  const test = isTest(source.path);
  for (const specifier of importSpecifiers(source.text)) {
    if (specifier.startsWith(".")) {
      const depth = source.path.slice(owner.folder.length + 1).split("/").length - 1;
      if (specifier.split("../").length - 1 > depth && !isDeployFile(owner, join(dirname(source.path), specifier)))
        faults.push(`${source.path} reaches out of its package with "${specifier}"`);
      continue;
    }
    if (/^(node:|bun$|bun:)/.test(specifier)) {
      if (owner.rung < pureRungs && !test) faults.push(`${source.path} is pure and may not import "${specifier}"`);
      continue;
    }
    const name = packageName(specifier);
    if (name === owner.name) continue;
    const declared = owner.dependencies.includes(name) || (test && owner.developmentDependencies.includes(name));
    if (!declared) faults.push(`${source.path} imports "${name}", which ${owner.folder}/package.json does not declare`);
    if (!test) faults.push(...directionFault(owner, byName.get(name), source.path));
  }
  if (owner.rung < pureRungs && !test) faults.push(...impurities(source));
  return faults;
}

/** What operators are given is compiled into the program that installs it: texts, which applications alone may name. */
function isDeployFile(owner: WorkspacePackage, path: string): boolean {
  return owner.folder.startsWith("apps/") && path.startsWith("deploy/") && !path.endsWith(".ts");
}

function directionFault(from: WorkspacePackage, to: WorkspacePackage | undefined, place: string): string[] {
  if (to === undefined || from.rung > to.rung) return [];
  if (wiring[from.folder]?.includes(to.folder)) return [];
  return [`${place}: ${from.folder} (rung ${from.rung}) may not import ${to.folder} (rung ${to.rung})`];
}

function impurities(source: SourceText): string[] {
  const code = source.text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
  return impureIdentifiers
    .filter(([pattern]) => pattern.test(code))
    .map(([, reason]) => `${source.path} is pure and may not name ${reason}`);
}

function isTest(path: string): boolean {
  return /\.(test|contract)\.ts$|\/testing\//.test(path);
}

function importSpecifiers(text: string): string[] {
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  const values = transpiler.scanImports(text.replace(/^#!.*/, "")).map((entry) => entry.path);
  // The transpiler drops type imports, and a cycle closed by one is a cycle all the same.
  const types = [...text.matchAll(/^(?:import|export) type [^;]*? from "([^"]+)"/gm)].map((match) => match[1] ?? "");
  return [...new Set([...values, ...types])];
}

function packageName(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function workspaceFolders(root: string): string[] {
  const nested = ["packages", "apps"].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => `${folder}/${name}`),
  );
  return [...nested, "tools", "tests", "bench"];
}

function typescriptFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ["node_modules", "dist", "gen"].includes(entry.name) ? [] : typescriptFiles(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}
