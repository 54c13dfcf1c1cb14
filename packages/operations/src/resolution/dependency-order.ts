import { operationError } from "../errors.ts";

/**
 * Puts packages after those that they need; what is needed and not among them is left out. Throws
 * `package/dependency-cycle`: a release renders every package after its dependencies.
 */
export function orderByDependency<T>(
  packages: ReadonlyMap<string, T>,
  dependenciesOf: (entry: T) => readonly { readonly name: string }[],
): readonly T[] {
  const ordered = new Set<T>();
  const visit = (name: string, path: readonly string[]): void => {
    const found = packages.get(name);
    if (found === undefined || ordered.has(found)) return;
    if (path.includes(name)) {
      const cycle = [...path.slice(path.indexOf(name)), name].join(" → ");
      throw operationError("package/dependency-cycle", `packages need one another: ${cycle}`);
    }
    for (const dependency of dependenciesOf(found)) visit(dependency.name, [...path, name]);
    ordered.add(found);
  };
  for (const name of packages.keys()) visit(name, []);
  return [...ordered];
}
