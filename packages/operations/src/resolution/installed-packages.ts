import type { Range, Version } from "@cpm/model";
import { readRange, readVersion, satisfies } from "@cpm/model";
import type { RecordedPackage, Revision } from "../release/release-record.ts";

interface Installed {
  readonly release: string;
  readonly package: RecordedPackage;
  readonly version: Version;
}

/** What an installed release needs of a package that another one has. */
export interface HeldPackage {
  /** Who needs it. */
  readonly release: string;
  readonly name: string;
  readonly range: Range;
}

/** The packages that the deployed releases of a colony have, and what those releases ask of one another. */
export class InstalledPackages {
  /** Of the release that is being replaced. */
  readonly #leaving: readonly Installed[];
  readonly #staying: readonly Installed[];

  /** What `replaces` has is about to go, so it counts for nobody. */
  constructor(releases: readonly Revision[], replaces: string | undefined) {
    const all = releases
      .filter(({ status }) => status.phase === "deployed")
      .flatMap(({ record }) =>
        record.packages.flatMap((entry): Installed[] => {
          const version = readVersion(entry.version);
          return version === undefined ? [] : [{ release: record.release, package: entry, version }];
        }),
      );
    this.#leaving = all.filter(({ release }) => release === replaces);
    this.#staying = all.filter(({ release }) => release !== replaces);
  }

  has(name: string, range: Range): boolean {
    return this.#staying.some((entry) => entry.package.name === name && satisfies(entry.version, range));
  }

  /** `release "base" has rise/base 1.4.0`. */
  describe(name: string): string {
    const found = this.#staying.filter((entry) => entry.package.name === name);
    const parts = [...new Set(found.map(({ release, version }) => `release "${release}" has ${name} ${version.text}`))];
    return parts.length === 0 ? `no release in the colony has ${name}` : parts.join(" and ");
  }

  /** The releases that declared that this version must be absent. */
  objections(name: string, text: string): readonly { readonly release: string; readonly range: string }[] {
    return this.#staying.flatMap(({ release, package: { requires } }) => {
      const written = requires?.absent[name];
      const range = written === undefined ? undefined : readRange(written);
      const version = range === undefined ? undefined : readVersion(text);
      if (written === undefined || range === undefined || version === undefined) return [];
      return satisfies(version, range) ? [{ release, range: written }] : [];
    });
  }

  /** What others need of the release that is replaced, and no other release has. */
  heldByOthers(): readonly HeldPackage[] {
    return this.#staying.flatMap(({ release, package: { requires } }) =>
      Object.entries(requires?.releases ?? {}).flatMap(([name, text]): HeldPackage[] => {
        const range = readRange(text);
        if (range === undefined || this.has(name, range)) return [];
        const held = this.#leaving.some((entry) => entry.package.name === name && satisfies(entry.version, range));
        return held ? [{ release, name, range }] : [];
      }),
    );
  }
}
