import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";

const here = import.meta.dir;
const root = join(here, "../..");
/** The name under which the library is published: users of ColonyOS need not know of CPM. */
const publicName = "@colonyos/colonies-client";
const internalPackages = ["base", "colonies"] as const;

interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

/**
 * Builds the library as one package that stands alone: one file of JavaScript with the workspace's own packages in
 * it, their declarations, and a manifest that names only what is on npm. Runs on Node 22 and later, and on Bun.
 */
export async function buildLibrary(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const manifest: Manifest = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
  const external = Object.keys(manifest.dependencies).filter((name) => !name.startsWith("@cpm/"));
  await bundle(folder, external);
  await declare(join(folder, "types"));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(publicManifest(manifest, external), null, 2)}\n`);
  copyFileSync(join(here, "README.md"), join(folder, "README.md"));
  copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
}

async function bundle(folder: string, external: readonly string[]): Promise<void> {
  const result = await Bun.build({
    entrypoints: [join(here, "src/index.ts")],
    outdir: folder,
    format: "esm",
    target: "node",
    // Subpaths too: `@noble/curves/secp256k1.js`.
    external: external.flatMap((name) => [name, `${name}/*`]),
    sourcemap: "linked",
  });
  if (!result.success) throw new AggregateError(result.logs, "the bundle failed");
}

function publicManifest(manifest: Manifest, external: readonly string[]) {
  return {
    name: publicName,
    version: manifest.version,
    description: "Client library and executor loop for ColonyOS 1.9.12",
    license: manifest.license,
    type: "module",
    exports: { ".": { types: "./types/colonies/index.d.ts", import: "./index.js" } },
    types: "./types/colonies/index.d.ts",
    files: ["index.js", "index.js.map", "types"],
    engines: { node: ">=22", bun: ">=1.2" },
    dependencies: Object.fromEntries(external.map((name) => [name, manifest.dependencies[name]])),
  };
}

/** The declarations that the entry reaches, with imports that any resolution finds. */
async function declare(folder: string): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "cpm-declarations-"));
  try {
    for (const name of internalPackages) await emit(name, join(scratch, name));
    const waiting = [join(scratch, "colonies/index.d.ts")];
    const done = new Set<string>();
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      if (done.has(path)) continue;
      done.add(path);
      const { text, imports } = relocate(path, scratch);
      waiting.push(...imports);
      const target = join(folder, relative(scratch, path));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, text);
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function emit(name: string, folder: string): Promise<void> {
  const compiler = join(root, "node_modules/.bin/tsc");
  const project = join(root, "packages", name);
  const flags = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--outDir", folder];
  const child = Bun.spawn([compiler, "-p", project, ...flags, "--rootDir", join(project, "src")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [exitCode, output] = await Promise.all([child.exited, new Response(child.stdout).text()]);
  if (exitCode !== 0) throw new Error(`the declarations of ${name} failed:\n${output}`);
}

function relocate(path: string, scratch: string): { text: string; imports: string[] } {
  const imports: string[] = [];
  const text = readFileSync(path, "utf8").replace(
    /(from |import\()"([^"]+)"/g,
    (whole, before: string, specifier: string) => {
      const internal = internalPackages.find((name) => specifier === `@cpm/${name}`);
      const target =
        internal === undefined
          ? join(dirname(path), specifier.replace(/\.ts$/, ".d.ts"))
          : join(scratch, internal, "index.d.ts");
      if (internal === undefined && !specifier.startsWith(".")) return whole;
      if (!existsSync(target)) throw new Error(`${path} imports "${specifier}", which has no declaration`);
      imports.push(target);
      const address = relative(dirname(path), target).replace(/\.d\.ts$/, ".js");
      return `${before}"${address.startsWith(".") ? address : `./${address}`}"`;
    },
  );
  return { text, imports };
}

if (import.meta.main) await buildLibrary(join(here, "dist"));
