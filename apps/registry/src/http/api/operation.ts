import type { JsonObject } from "@cpm/base";

/** A part of the interface, in the order in which it is shown. */
export const apiTags = {
  index: "Packages: find them, and what a version is",
  changes: "What changed, for whoever keeps a copy or waits for something",
  account: "Oneself, one's tokens and keys, and signing in by a key",
  namespaces: "Namespaces, who is in them, and what they tell to whom",
  administration: "Users, and what was done by whom",
} as const;

/** What a request of one method to one path is, for people and for programs that are generated from it. */
export interface ApiOperation {
  /** Of a function that makes the request: it never changes. */
  readonly id: string;
  readonly tag: keyof typeof apiTags;
  readonly summary: string;
  readonly description?: string;
  /** `everybody` sees what they may pull, with credentials and without. */
  readonly access: "everybody" | "users" | "owners" | "administrators";
  /** Parameters after the `?`; others are refused. */
  readonly query?: Readonly<Record<string, QueryParameter>>;
  /** The keys of the object that is sent; others are refused. */
  readonly body?: ApiBody;
  /** By status. Every other status has an error as its body. */
  readonly answers: Readonly<Record<number, ApiAnswer>>;
}

export interface QueryParameter {
  readonly description: string;
  readonly schema: JsonObject;
  /** May be there several times. Default false. */
  readonly repeated?: boolean;
}

export interface ApiBody {
  readonly required: readonly string[];
  readonly properties: Readonly<Record<string, JsonObject>>;
}

export interface ApiAnswer {
  readonly description: string;
  /** None for an answer without a body. */
  readonly schema?: JsonObject;
  readonly example?: JsonObject;
}
