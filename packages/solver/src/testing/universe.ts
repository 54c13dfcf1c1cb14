import { parseDuration } from "@cpm/base";
import { parseRange, parseVersion } from "@cpm/model";
import type { Range, Version } from "@cpm/model";
import type { Candidate, Dependency, Provider, Requirement, SolveOptions, Work } from "../index.ts";

/**
 * A universe of packages in a few lines, and what is to come of it. A data file holds many, with blank lines between:
 *
 *     = a title
 *     ? bar *; foo ^1.0.0                                what is asked for; `? [cpm.lock] foo 1.2.0` says who asks
 *     foo: 1.0.0, 1.1.0 yanked, 2.0.0 3h (bar >=2; baz *)   versions, with their state, age and needs
 *     @colonyos: 1.9.12                                  a fact; its title may follow: `@colonyos = ColonyOS: 1.9.12`
 *     ~ foo 1.0.0                                        locked
 *     ! bar 1.0.0; foo 1.0.0                             the solution, or a code: `! no-solution`
 *     % attempts 2; update foo; self app 1.0.0           work to expect, and options
 */
export interface UniverseCase {
  readonly title: string;
  readonly requirements: readonly Requirement[];
  readonly packages: ReadonlyMap<string, readonly Candidate[]>;
  readonly titles: ReadonlyMap<string, string>;
  readonly options: SolveOptions;
  /** `name version` in order, or the reason of the error code; undefined where nothing is expected. */
  readonly verdict: readonly string[] | string | undefined;
  readonly work: Partial<Work>;
}

/** The time at which all universes are looked at. */
export const universeNowMs: number = Date.UTC(2026, 0, 1);

export function parseUniverses(text: string): readonly UniverseCase[] {
  return text
    .split(/\n\s*\n/)
    .map((block) => block.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("//")))
    .filter((lines) => lines.length > 0)
    .map(parseUniverse);
}

export function parseUniverse(lines: readonly string[]): UniverseCase {
  const requirements: Requirement[] = [];
  const packages = new Map<string, readonly Candidate[]>();
  const titles = new Map<string, string>();
  const locked = new Map<string, Version>();
  let title = "";
  let verdict: UniverseCase["verdict"];
  let settings: ReadonlyMap<string, string> = new Map();
  for (const line of lines) {
    const [sign, rest] = [line.slice(0, 2), line.slice(2).trim()];
    if (sign === "= ") title = rest;
    else if (sign.startsWith("?")) requirements.push(...parseRequirements(rest));
    else if (sign === "~ ") for (const [name, version] of pairs(rest)) locked.set(name, parseVersion(version));
    else if (sign === "! ") verdict = parseVerdict(rest);
    else if (sign.startsWith("!")) verdict = [];
    else if (sign === "% ") settings = new Map(pairs(rest));
    else addPackage(line, packages, titles);
  }
  return {
    title,
    requirements,
    packages,
    titles,
    options: toOptions(settings, locked),
    verdict,
    work: toWork(settings),
  };
}

export interface ProviderShape {
  /** Listings tell what each version needs, so that neighbours are known. Default: true. */
  readonly inline?: boolean;
  /** Wraps an answer, for example into a promise. */
  readonly answer?: <T>(value: T) => T | Promise<T>;
  /** Notes each question. */
  readonly asked?: string[];
}

/** A provider over a universe. */
export function universeProvider(
  { packages, titles }: Pick<UniverseCase, "packages" | "titles">,
  { inline = true, answer = (value) => value, asked = [] }: ProviderShape = {},
): Provider {
  return {
    versions(name) {
      asked.push(name);
      const candidates = packages.get(name);
      return answer(inline ? candidates : candidates?.map(withoutDependencies));
    },
    dependencies(name, version) {
      asked.push(`${name} ${version.text}`);
      const candidate = packages.get(name)?.find((other) => other.version.text === version.text);
      return answer(candidate?.dependencies ?? { unusable: "is not published any more" });
    },
    title: (name) => titles.get(name) ?? name.replace(/^@/, ""),
  };
}

function withoutDependencies({ version, yanked = false, publishedAtMs }: Candidate): Candidate {
  return { version, yanked, ...(publishedAtMs === undefined ? {} : { publishedAtMs }) };
}

function parseRequirements(text: string): readonly Requirement[] {
  const [, from = "colony.yaml", rest = text] = /^\[([^\]]*)\]\s*(.*)$/.exec(text) ?? [];
  return pairs(rest).map(([name, range]) => ({ name, range: toRange(range), from }));
}

function parseVerdict(text: string): readonly string[] | string {
  if (/^[a-z]+-[a-z]+$|^limit$/.test(text)) return text;
  return pairs(text)
    .map(([name, version]) => `${name} ${version}`)
    .toSorted();
}

function addPackage(line: string, packages: Map<string, readonly Candidate[]>, titles: Map<string, string>): void {
  const [, head = "", body = ""] = /^([^:]*):(.*)$/.exec(line) ?? [];
  if (head === "") throw new Error(`not a line of a universe: ${line}`);
  const [name = "", title] = head.split(" = ");
  if (title !== undefined) titles.set(name, title);
  packages.set(name, body.trim() === "" ? [] : body.split(",").map((item) => toCandidate(item.trim())));
}

function toCandidate(item: string): Candidate {
  const [, version = "", state = "", needs = ""] = /^(\S+)([^()]*?)\s*(?:\((.*)\))?$/.exec(item) ?? [];
  const words = state.split(/\s+/).filter((word) => word !== "");
  const ageMs = words.map(parseDuration).find((age) => age !== undefined);
  return {
    version: parseVersion(version),
    yanked: words.includes("yanked"),
    ...(words.includes("undated") ? {} : { publishedAtMs: ageMs === undefined ? 0 : universeNowMs - ageMs }),
    dependencies: pairs(needs).map(([name, range]): Dependency => ({ name, range: toRange(range) })),
  };
}

const ranges = new Map<string, Range>();

/** Parsed once for each text. */
export function toRange(text: string): Range {
  let range = ranges.get(text);
  if (range === undefined) {
    range = parseRange(text);
    ranges.set(text, range);
  }
  return range;
}

function pairs(text: string): readonly (readonly [name: string, rest: string])[] {
  return text
    .split(";")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const [, name = "", rest = ""] = /^(\S+)\s*(.*)$/.exec(part) ?? [];
      return [name, rest];
    });
}

function toOptions(settings: ReadonlyMap<string, string>, locked: ReadonlyMap<string, Version>): SolveOptions {
  const [self, update, minimumAge] = ["self", "update", "minimum-age"].map((key) => settings.get(key));
  const [selfName = "", selfVersion = ""] = self?.split(" ") ?? [];
  return {
    ...(self === undefined ? {} : { self: { name: selfName, version: parseVersion(selfVersion) } }),
    ...(locked.size === 0 ? {} : { locked }),
    ...(update === undefined ? {} : { update: new Set(update.split(" ")) }),
    ...(minimumAge === undefined
      ? {}
      : { minimumAge: { minimumMs: parseDuration(minimumAge) ?? 0, nowMs: universeNowMs } }),
    ...(settings.has("oldest") ? { prefer: "oldest" } : {}),
  };
}

function toWork(settings: ReadonlyMap<string, string>): Partial<Work> {
  const counts = (["decisions", "attempts", "steps"] as const).flatMap((key) => {
    const count = settings.get(key);
    return count === undefined ? [] : [[key, Number(count)] as const];
  });
  return Object.fromEntries(counts);
}
