import type { Incompatibility, LeftOut } from "./incompatibility.ts";
import type { PackageState } from "./package-state.ts";
import { isFact } from "./provider.ts";
import type { Exclusion } from "./provider.ts";
import { formatSet } from "./set-text.ts";
import { negate, satisfies } from "./term.ts";
import type { Term } from "./term.ts";
import type { Universe } from "./universe.ts";
import type { VersionSet } from "./version-set.ts";

/** Says incompatibilities in words. What is said of `every version` is said of those that are published. */
export class Wording {
  readonly #universe: Universe;

  constructor(universe: Universe) {
    this.#universe = universe;
  }

  /** One incompatibility, as the part of a sentence that follows "because". */
  clause(incompatibility: Incompatibility): string {
    const { cause, terms } = incompatibility;
    const [first] = terms;
    if (cause.kind === "conflict" || first === undefined) return this.#conclusion(incompatibility);
    if (cause.kind === "dependency") return `${this.#subject(incompatibility)} ${this.#object(incompatibility)}`;
    if (cause.kind === "root") return `${this.#rootTitle()} is ${this.#universe.rootVersion.text}`;
    if (cause.kind === "unusable") return `${this.#version(first)} cannot be used because it ${cause.reason}`;
    const { about, set } = first;
    if (cause.kind === "unknown-package")
      return `there is no ${isFact(about.name) ? "" : "package "}${this.#universe.title(about)}`;
    if (isFact(about.name)) return this.#factValue(about);
    return `${noVersionMatches(cause.leftOut, this.#universe.title(about))} ${this.#range(about, set)}`;
  }

  /** Two in one part of a sentence, shorter where they share a package. Numbers refer to earlier sentences. */
  pair(left: Incompatibility, right: Incompatibility, leftNumber?: number, rightNumber?: number): string {
    const parts = [reference(leftNumber), reference(rightNumber)] as const;
    return (
      this.#requiresBoth(left, right, parts) ??
      this.#chain(left, right, parts) ??
      this.#chain(right, left, [parts[1], parts[0]]) ??
      `${this.clause(left)}${parts[0]} and ${this.clause(right)}${parts[1]}`
    );
  }

  /** "A depends on both B and C". */
  #requiresBoth(left: Incompatibility, right: Incompatibility, numbers: readonly [string, string]): string | undefined {
    const [leftTerm, rightTerm] = [solePositive(left), solePositive(right)];
    if (leftTerm === undefined || rightTerm === undefined || leftTerm.about !== rightTerm.about) return undefined;
    if (left.terms.length === 1 || right.terms.length === 1) return undefined;
    const subject = this.#subject(left);
    const verb = this.#verb(left);
    if (subject !== this.#subject(right) || verb !== this.#verb(right)) return undefined;
    return `${subject} ${verb} both ${this.#targets(left)}${numbers[0]} and ${this.#targets(right)}${numbers[1]}`;
  }

  /** "A depends on B, which depends on C", or "which cannot be had" for one of many reasons. */
  #chain(left: Incompatibility, right: Incompatibility, numbers: readonly [string, string]): string | undefined {
    const link = soleNegative(left);
    const next = solePositive(right);
    if (link === undefined || next === undefined || link.about !== next.about) return undefined;
    if (!satisfies(negate(link), next) || left.terms.length === 1) return undefined;
    const start = `${this.#subject(left)} ${this.#object(left)}${numbers[0]}`;
    if (right.terms.length > 1 || right.cause.kind === "dependency")
      return `${start}, which ${this.#object(right)}${numbers[1]}`;
    return `${start}${this.#misfit(right, next)}${numbers[1]}`;
  }

  #misfit({ cause }: Incompatibility, { about }: Term): string {
    if (cause.kind === "unknown-package") return isFact(about.name) ? ", which is not there" : ", which does not exist";
    if (cause.kind === "unusable") return `, which cannot be used because it ${cause.reason}`;
    if (cause.kind !== "no-versions") return ", which cannot be used";
    if (isFact(about.name)) {
      const told = isThere(about) || this.#universe.missing(about) !== undefined;
      return told ? ` but ${this.#factValue(about)}` : ", which is not there";
    }
    return `, which matches ${matchedOnly(cause.leftOut)}`;
  }

  #conclusion({ terms, isFailure }: Incompatibility): string {
    if (isFailure) return "the requirements cannot be met";
    const positive = terms.filter((term) => term.positive).map((term) => this.#versions(term));
    const negative = terms.filter((term) => !term.positive).map((term) => this.#wanted(term));
    if (negative.length === 0) {
      const [only = ""] = positive;
      return positive.length > 1 ? `${listed(positive)} exclude one another` : cannotBeUsed(only);
    }
    const wanted = negative.join(" or ");
    if (positive.length === 0) return `${wanted} is required`;
    return positive.length === 1 ? `${positive.join("")} requires ${wanted}` : `${listed(positive)} require ${wanted}`;
  }

  /** Who needs something. */
  #subject(incompatibility: Incompatibility): string {
    const { cause, terms } = incompatibility;
    if (cause.kind === "dependency") return cause.from ?? this.#versions(cause.depender);
    return listed(terms.filter((term) => term.positive).map((term) => this.#versions(term)));
  }

  #object(incompatibility: Incompatibility): string {
    const verb = this.#verb(incompatibility);
    const { cause } = incompatibility;
    const impossible = cause.kind === "dependency" && cause.targetSet.isEmpty ? ", which no version can match" : "";
    const isOther =
      cause.kind === "dependency" && cause.target.isRoot && !cause.targetSet.has(this.#universe.rootVersion);
    const other = isOther ? ` but ${this.#rootTitle()} is ${this.#universe.rootVersion.text}` : "";
    return `${verb} ${this.#targets(incompatibility)}${impossible}${other}`;
  }

  #verb({ cause, terms }: Incompatibility): string {
    if (cause.kind !== "dependency") return terms.filter((term) => term.positive).length > 1 ? "require" : "requires";
    if (cause.from !== undefined) return "requires";
    return isFact(cause.target.name) ? "needs" : "depends on";
  }

  #targets({ cause, terms }: Incompatibility): string {
    if (cause.kind === "dependency")
      return this.#wanted({ about: cause.target, positive: false, set: cause.targetSet });
    return terms
      .filter((term) => !term.positive)
      .map((term) => this.#wanted(term))
      .join(" or ");
  }

  /** Versions that something is said of: "every version of a", "a 1.2.0", "a >=1.1.0". */
  #versions({ about, set }: Term): string {
    const title = about.isRoot ? this.#rootTitle() : this.#universe.title(about);
    const listing = listingOf(about);
    if (about.isRoot || isFact(about.name)) return title;
    if (listing?.hasOnly(set) === true) {
      const [first, ...others] = listing.entries;
      return first !== undefined && others.length === 0 ? `${title} ${first.version.text}` : `${every}${title}`;
    }
    const range = this.#range(about, set);
    return range === "*" || range === "" ? `${every}${title}` : `${title} ${range}`;
  }

  /** Versions that are asked for, as the manifest that asks has written them. */
  #wanted({ about, set }: Term): string {
    const range = this.#range(about, set);
    const title = about.isRoot ? this.#rootTitle() : this.#universe.title(about);
    return range === "*" || range === "" ? title : `${title} ${range}`;
  }

  #version({ about, set }: Term): string {
    return `${this.#universe.title(about)} ${formatSet(set, undefined)}`;
  }

  #range(about: PackageState, set: VersionSet): string {
    return this.#universe.textOf(set) ?? formatSet(set, listingOf(about));
  }

  #factValue(about: PackageState): string {
    const versions = listingOf(about)?.entries.map(({ version }) => version.text) ?? [];
    const title = this.#universe.title(about);
    if (versions.length === 0) return this.#universe.missing(about) ?? `there is no ${title}`;
    return `${title} is ${versions.join(" or ")}`;
  }

  #rootTitle(): string {
    return this.#universe.root.name === "" ? "the whole" : this.#universe.title(this.#universe.root);
  }
}

const every = "every version of ";

function cannotBeUsed(versions: string): string {
  return versions.startsWith(every)
    ? `no version of ${versions.slice(every.length)} can be used`
    : `${versions} cannot be used`;
}

function listingOf({ listing }: PackageState): Exclude<PackageState["listing"], "missing"> {
  return listing === "missing" ? undefined : listing;
}

function isThere(about: PackageState): boolean {
  return (listingOf(about)?.entries.length ?? 0) > 0;
}

function solePositive({ terms }: Incompatibility): Term | undefined {
  const [first, ...others] = terms.filter((term) => term.positive);
  return others.length === 0 ? first : undefined;
}

function soleNegative({ terms }: Incompatibility): Term | undefined {
  const [first, ...others] = terms.filter((term) => !term.positive);
  return others.length === 0 ? first : undefined;
}

function reference(number: number | undefined): string {
  return number === undefined ? "" : ` (${number})`;
}

function listed(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1) ?? ""}`;
}

const onlyWords: Readonly<Record<Exclusion["reason"], string>> = {
  yanked: "yanked versions",
  "too-young": "versions that are too young",
  "unknown-age": "versions of unknown age",
  "pre-release": "pre-releases",
};

function noVersionMatches(leftOut: readonly LeftOut[], title: string): string {
  const reason = soleReason(leftOut);
  if (leftOut.length === 0) return `no version of ${title} matches`;
  return reason === undefined
    ? `no version of ${title} that may be chosen matches`
    : `only ${onlyWords[reason].replace("versions", `versions of ${title}`).replace("pre-releases", `pre-releases of ${title}`)} match`;
}

function matchedOnly(leftOut: readonly LeftOut[]): string {
  const reason = soleReason(leftOut);
  if (leftOut.length === 0) return "no version";
  return reason === undefined ? "no version that may be chosen" : `only ${onlyWords[reason]}`;
}

/** The reason that all versions left out share. */
function soleReason(leftOut: readonly LeftOut[]): Exclusion["reason"] | undefined {
  const reasons = new Set(leftOut.map(({ exclusion }) => exclusion.reason));
  const [reason] = reasons;
  return reasons.size === 1 ? reason : undefined;
}
