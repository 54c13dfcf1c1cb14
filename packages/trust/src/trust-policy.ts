import type { CpmError } from "@cpm/base";
import { isCpmError } from "@cpm/base";
import type { PackageName, SourceFile } from "@cpm/model";
import { namePartPattern, parseSource } from "@cpm/model";
import { converted, Faults, flag, listOf, objectOf, oneOf, recordOf, text } from "@cpm/model/schema";
import type { Schema } from "@cpm/model/schema";
import type { Sha256 } from "./crypto.ts";
import { trustError } from "./errors.ts";
import { parsePublicKeyPem } from "./public-key.ts";
import type { PublicKey } from "./public-key.ts";

/** Whether a package needs a signature: it must have one, it is warned where it has none, or nobody looks. */
export type Requirement = "require" | "warn" | "off";

/** Whose signatures count for which packages, and which packages need one. */
export interface TrustPolicy {
  readonly keys: readonly TrustedKey[];
  /** By pattern: `*`, `namespace/*` or `namespace/name`. */
  readonly require: Readonly<Record<string, Requirement>>;
}

export interface TrustedKey {
  readonly key: PublicKey;
  /** Who it is, for people. Several keys of one signer may overlap: that is how a key is replaced. */
  readonly signer: string;
  /** Patterns of the packages that it may sign. */
  readonly packages: readonly string[];
  /** Milliseconds since the epoch; its signatures count from and until then, whenever they were made. */
  readonly notBeforeMs: number | undefined;
  readonly notAfterMs: number | undefined;
  /** Its signatures never count. */
  readonly revoked: boolean;
}

interface PolicyDocument {
  readonly apiVersion: "cpm.trust/v1";
  readonly keys: readonly KeyDocument[];
  readonly require: Readonly<Record<string, Requirement>>;
}

interface KeyDocument {
  readonly signer: string;
  readonly publicKey: string;
  readonly packages: readonly string[];
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly revoked: boolean;
}

const pattern: Schema<string> = text("a pattern of package names", {
  pattern: `\\*|${namePartPattern}/(\\*|${namePartPattern})`,
  maxLength: 129,
  patternHint: "It is *, namespace/* or namespace/name.",
});

const time: Schema<number> = converted(
  text("a time", { maxLength: 40 }),
  "a time",
  (value) => (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value) ? validTime(Date.parse(value)) : undefined),
  (timeMs) => new Date(timeMs).toISOString().replace(".000", ""),
  (value) => ({ message: `"${value}" is not a time`, hint: "In UTC, to the second: 2026-01-31T00:00:00Z." }),
);

const keySchema: Schema<KeyDocument> = objectOf<KeyDocument>("a key", {
  signer: { schema: text("a name", { minLength: 1, maxLength: 200 }), description: "Who signs.", required: true },
  publicKey: {
    schema: text("a public key", { multiline: true, maxLength: 1000 }),
    description: "The public key as PEM.",
    required: true,
  },
  packages: { schema: listOf(pattern, { minItems: 1 }), description: "What it may sign.", required: true },
  notBefore: { schema: time, description: "Its signatures count from then on." },
  notAfter: { schema: time, description: "Its signatures count until then." },
  revoked: { schema: flag, description: "Its signatures never count.", default: false },
});

const policySchema: Schema<PolicyDocument> = objectOf<PolicyDocument>("the trust policy", {
  apiVersion: { schema: oneOf(["cpm.trust/v1"]), description: "The form of the file.", required: true },
  keys: { schema: listOf(keySchema), description: "Whose signatures count.", required: true },
  require: {
    schema: recordOf(pattern, oneOf<Requirement>(["require", "warn", "off"])),
    description: "Which packages need a signature.",
    required: true,
  },
});

/** Reads a policy, YAML or JSON. Throws `trust/policy-invalid` with every fault. */
export function parseTrustPolicy(file: SourceFile, sha256: Sha256): TrustPolicy {
  const document = parseDocument(file);
  const seen = new Set<string>();
  const keys = document.keys.map(({ publicKey, notBefore, notAfter, ...rest }, index): TrustedKey => {
    const key = parseKey(publicKey, `${file.path}: keys[${index}]`, sha256);
    // Two entries for one key could say two things of it, one of them that it is revoked.
    if (seen.has(key.id)) throw invalid(`${file.path}: keys[${index}] stands twice`);
    seen.add(key.id);
    return { ...rest, key, notBeforeMs: notBefore, notAfterMs: notAfter };
  });
  return { keys, require: document.require };
}

/** What the policy says of a package: the most specific pattern counts, and without one nobody looks. */
export function requirementFor({ require }: TrustPolicy, name: PackageName): Requirement {
  return require[name] ?? require[`${namespaceOf(name)}/*`] ?? require["*"] ?? "off";
}

export function mayName({ packages }: TrustedKey, name: PackageName): boolean {
  return packages.some((entry) => entry === "*" || entry === name || entry === `${namespaceOf(name)}/*`);
}

function namespaceOf(name: PackageName): string {
  return name.slice(0, name.indexOf("/"));
}

function validTime(timeMs: number): number | undefined {
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

function parseDocument(file: SourceFile): PolicyDocument {
  const faults = new Faults();
  try {
    const nodes = parseSource(file, { maxLength: 1024 * 1024 });
    const [node] = nodes;
    if (node === undefined || nodes.length > 1) throw invalid(`${file.path} is not one document`);
    const document = policySchema.parse(node, faults);
    if (document !== undefined && faults.diagnostics.length === 0) return document;
  } catch (error) {
    if (!isCpmError(error) || error.code === "trust/policy-invalid") throw error;
    const { diagnostics } = error;
    throw trustError("trust/policy-invalid", error.message, { cause: error, diagnostics });
  }
  const [first] = faults.diagnostics;
  const where = first?.location === undefined ? file.path : `${file.path}:${first.location.line}`;
  throw trustError("trust/policy-invalid", `${where}: ${first?.message ?? "not a policy"}`, {
    diagnostics: faults.diagnostics,
    hint: first?.hint,
  });
}

function parseKey(pem: string, where: string, sha256: Sha256): PublicKey {
  try {
    return parsePublicKeyPem(pem, sha256);
  } catch (error) {
    if (!isCpmError(error)) throw error;
    throw trustError("trust/policy-invalid", `${where}: ${error.message}`, { cause: error, hint: error.hint });
  }
}

function invalid(message: string): CpmError {
  return trustError("trust/policy-invalid", message);
}
