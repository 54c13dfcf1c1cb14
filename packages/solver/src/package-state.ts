import type { Version } from "@cpm/model";
import type { Assignment } from "./assignment.ts";
import type { Incompatibility } from "./incompatibility.ts";
import type { Listing } from "./listing.ts";
import type { Dependency, Unusable } from "./provider.ts";
import type { Term } from "./term.ts";

/** When a package is decided: the earlier ones first. Only a conflict, or the wish to update it, moves a package. */
export type Turn = "early" | "usual" | "late";

/** All that one resolution knows of a package or a fact. */
export class PackageState {
  readonly name: string;
  readonly isRoot: boolean;
  /** The order in which packages were first named. Breaks ties, so that a result never depends on the input's order. */
  readonly sequence: number;
  readonly locked: Version | undefined;
  turn: Turn = "usual";

  /** Undefined until asked for; `missing` when there is no such package. */
  listing: Listing | "missing" | undefined = undefined;
  /** Dependencies that the listing did not tell, by version. */
  readonly learned: Map<string, readonly Dependency[] | Unusable> = new Map();
  /** Locked versions whose dependencies were taken before the package was listed, so without their neighbours. */
  readonly takenAlone: Set<Version> = new Set();
  /** Dependencies already turned into incompatibilities, by target and range. */
  readonly taken: Map<string, Incompatibility> = new Map();

  readonly incompatibilities: Incompatibility[] = [];
  readonly assignments: Assignment[] = [];
  /** Outdates entries of the decision queue. */
  queueStamp: number = 0;

  constructor(name: string, sequence: number, locked: Version | undefined, isRoot: boolean) {
    this.name = name;
    this.sequence = sequence;
    this.locked = locked;
    this.isRoot = isRoot;
  }

  /** What the partial solution says about it. */
  get known(): Term | undefined {
    return this.assignments.at(-1)?.known;
  }

  get decision(): Version | undefined {
    return this.assignments.at(-1)?.decision ?? this.assignments.find(({ decision }) => decision)?.decision;
  }

  /** Whether it is required and no version is chosen yet. */
  get isOpen(): boolean {
    return this.known?.positive === true && this.decision === undefined;
  }

  dependenciesOf(version: Version): readonly Dependency[] | Unusable | undefined {
    const learned = this.learned.get(version.text);
    if (learned !== undefined || this.listing === undefined || this.listing === "missing") return learned;
    return this.listing.entries[this.listing.indexOf(version)]?.dependencies;
  }
}
