import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { IndexedPackage } from "./solver-index.ts";

/** The same index in the forms that other resolvers read, and read back for ours. */

/** One line of a crate index: the form is cargo's, `name` and `vers` its own words. */
interface CrateLine {
  readonly name: string;
  readonly vers: string;
  readonly deps: readonly { readonly name: string; readonly req: string }[];
}

/** A local registry of cargo's, without the archives: making a lockfile reads the index alone. */
export function writeCrateIndex(directory: string, index: readonly IndexedPackage[]): void {
  for (const { name, versions } of index) {
    const path = join(directory, "index", cratePath(name));
    mkdirSync(dirname(path), { recursive: true });
    const lines = versions.map(({ version, dependencies }) =>
      JSON.stringify({
        name: crateName(name),
        vers: version,
        deps: dependencies.map(([target, req]) => ({
          name: crateName(target),
          req,
          features: [],
          optional: false,
          default_features: true,
          target: null,
          kind: "normal",
        })),
        cksum: "0".repeat(64),
        features: {},
        yanked: false,
      }),
    );
    writeFileSync(path, `${lines.join("\n")}\n`);
  }
}

/** A crate that asks for these packages, and a configuration that knows no other registry. */
export function writeCrate(directory: string, registry: string, names: readonly string[]): void {
  mkdirSync(join(directory, "src"), { recursive: true });
  mkdirSync(join(directory, ".cargo"), { recursive: true });
  writeFileSync(join(directory, "src/lib.rs"), "");
  const wanted = names.map((name) => `${crateName(name)} = "*"`).join("\n");
  writeFileSync(
    join(directory, "Cargo.toml"),
    `[package]\nname = "root"\nversion = "1.0.0"\nedition = "2021"\n\n[dependencies]\n${wanted}\n`,
  );
  writeFileSync(
    join(directory, ".cargo/config.toml"),
    `[source.crates-io]\nreplace-with = "bench"\n\n[source.bench]\nlocal-registry = ${JSON.stringify(registry)}\n`,
  );
}

export function readCrate(directory: string, name: string): IndexedPackage {
  const text = readFileSync(join(directory, "index", cratePath(name)), "utf8");
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as CrateLine);
  return {
    name,
    versions: lines.map(({ vers, deps }) => ({
      version: vers,
      dependencies: deps.map((need) => [packageName(need.name), need.req] as const),
    })),
  };
}

/** npm's document of one package, as far as making a lockfile reads it. */
export function toPackument({ name, versions }: IndexedPackage, origin: string): object {
  const npmName = `@${name}`;
  return {
    name: npmName,
    "dist-tags": { latest: versions.at(-1)?.version },
    versions: Object.fromEntries(
      versions.map(({ version, dependencies }) => [
        version,
        {
          name: npmName,
          version,
          dependencies: Object.fromEntries(dependencies.map(([target, range]) => [`@${target}`, range])),
          dist: { tarball: `${origin}/${npmName}/-/${version}.tgz`, integrity: `sha512-${"A".repeat(86)}==` },
        },
      ]),
    ),
  };
}

interface Packument {
  readonly versions: Readonly<Record<string, { readonly dependencies: Readonly<Record<string, string>> }>>;
}

export function fromPackument(name: string, document: Packument): IndexedPackage {
  return {
    name,
    versions: Object.entries(document.versions).map(([version, { dependencies }]) => ({
      version,
      dependencies: Object.entries(dependencies).map(([target, range]) => [target.slice(1), range] as const),
    })),
  };
}

function crateName(name: string): string {
  return name.replace("/", "-");
}

function packageName(crate: string): string {
  return crate.replace("-", "/");
}

function cratePath(name: string): string {
  const crate = crateName(name);
  return join(crate.slice(0, 2), crate.slice(2, 4), crate);
}
