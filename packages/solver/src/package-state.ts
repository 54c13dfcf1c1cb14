import type { Version } from "@cpm/model";
import type { Assignment } from "./assignment.ts";
import type { Incompatibility } from "./incompatibility.ts";
import type { Listing } from "./listing.ts";
import type { Dependency, Unusable } from "./provider.ts";
import type { Term } from "./term.ts";

/** When a package is decided: the earlier ones first. Only a conflict, or the wish to update it, moves a package. */
export type Turn = "early" | "usual" | "late";

export interface Mention {
  readonly incompatibility: Incompatibility;
  readonly term: Term;
}

/** All that one resolution knows of a package or a fact. */
export class PackageState {
  readonly name: string;
  readonly isRoot: boolean;
  readonly locked: Version | undefined;
  turn: Turn = "usual";
  /** In how many conflicts it had a part. */
  conflicts: number = 0;
  /** Versions of which every dependency was already taken. */
  readonly takenWhole: Set<string> = new Set();
  /** When it became required, counted: breaks ties between packages with as many versions left. */
  requiredAt: number = 0;

  /** Undefined until asked for; `missing` when there is no such package. */
  listing: Listing | "missing" | undefined = undefined;
  /** Dependencies that the listing did not tell, by version. */
  readonly learned: Map<string, readonly Dependency[] | Unusable> = new Map();
  /** Locked versions whose dependencies were taken before the package was listed, so without their neighbours. */
  readonly takenAlone: Set<Version> = new Set();
  /** Dependencies already turned into incompatibilities, by target and range. */
  readonly taken: Map<string, Incompatibility> = new Map();

  /** The incompatibilities with a term about it, oldest first. */
  readonly mentions: Mention[] = [];
  readonly assignments: Assignment[] = [];
  /** Outdates entries of the decision queue. */
  queueStamp: number = 0;

  constructor(name: string, locked: Version | undefined, isRoot: boolean) {
    this.name = name;
    this.locked = locked;
    this.isRoot = isRoot;
  }

  /** What the partial solution says about it. */
  get known(): Term | undefined {
    return this.assignments.at(-1)?.known;
  }

  /** A decision is the last that is assigned: of one version, no term is left open. */
  get decision(): Version | undefined {
    return this.assignments.at(-1)?.decision;
  }

  /** Whether it is required and no version is chosen yet. */
  get isOpen(): boolean {
    return this.known?.positive === true && this.decision === undefined;
  }

  dependenciesOf(version: Version): readonly Dependency[] | Unusable | undefined {
    const learned = this.learned.get(version.text);
    if (learned !== undefined || this.listing === undefined || this.listing === "missing") return learned;
    const entry = this.listing.entries[this.listing.indexOf(version)];
    return entry?.version.text === version.text ? entry.dependencies : undefined;
  }
}
