import type { IndexedPackage } from "./solver-index.ts";

/**
 * The index as PyPI would serve it: PEP 691 listings, and the metadata of each wheel beside it (PEP 658), so that a
 * resolver never fetches a wheel. Like ours, Python's resolvers take one version per name.
 */
export function answerPython(packages: ReadonlyMap<string, IndexedPackage>, pathname: string): Response | undefined {
  const [, root, project = "", file = ""] = pathname.split("/");
  if (root !== "simple") return undefined;
  const found = packages.get(project);
  if (found === undefined) return new Response("not found", { status: 404 });
  if (file === "") return Response.json(listing(found), { headers: { "content-type": listingType } });
  const version = /^[^-]+-([^-]+)-/.exec(file)?.[1];
  const entry = found.versions.find((other) => other.version === version);
  if (entry === undefined || !file.endsWith(".metadata")) return new Response("not found", { status: 404 });
  const needs = entry.dependencies.map(([name, range]) => `Requires-Dist: ${pythonName(name)} ${specifier(range)}\n`);
  return new Response(`Metadata-Version: 2.1\nName: ${project}\nVersion: ${entry.version}\n${needs.join("")}`);
}

export function pythonName(name: string): string {
  return name.replace("/", "-");
}

const listingType = "application/vnd.pypi.simple.v1+json";

function listing({ name, versions }: IndexedPackage): object {
  const project = pythonName(name);
  return {
    meta: { "api-version": "1.1" },
    name: project,
    versions: versions.map(({ version }) => version),
    files: versions.map(({ version }) => {
      const filename = `${project.replace("-", "_")}-${version}-py3-none-any.whl`;
      return { filename, url: `/simple/${project}/${filename}`, hashes: {}, size: 1, "core-metadata": true };
    }),
  };
}

/** The index needs nothing but `^major.minor.0` with a major of 1 or more. */
function specifier(range: string): string {
  const [, version = "", major = ""] = /^\^((\d+)\.\d+\.\d+)$/.exec(range) ?? [];
  if (version === "") throw new Error(`not a range of the index: ${range}`);
  return `(>=${version},<${Number(major) + 1})`;
}
