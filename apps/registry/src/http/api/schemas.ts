import type { JsonObject } from "@cpm/base";
import { manifestJsonSchema } from "@cpm/model";
import { changeKinds } from "../../changes/change-event.ts";
import { tokenScopes } from "../../access/token-scopes.ts";

export const text: JsonObject = { type: "string" };
export const flag: JsonObject = { type: "boolean" };
export const count: JsonObject = { type: "integer", minimum: 0 };
export const texts: JsonObject = { type: "array", items: text };
export const time: JsonObject = { type: "string", format: "date-time" };
const digest: JsonObject = { type: "string", pattern: "^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$" };
const role: JsonObject = { enum: ["owner", "member"] };
export const changeKind: JsonObject = { enum: [...changeKinds] };
export const tokenScope: JsonObject = { enum: [...tokenScopes] };

export function refTo(name: keyof typeof apiSchemas): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}

export function listOf(items: JsonObject): JsonObject {
  return { type: "array", items };
}

/** All of `required` are always there; those of `optional` may be absent, and are never null. */
export function objectOf(
  required: Readonly<Record<string, JsonObject>>,
  optional: Readonly<Record<string, JsonObject>> = {},
): JsonObject {
  return { type: "object", required: Object.keys(required), properties: { ...required, ...optional } };
}

function manifest(): JsonObject {
  const { $schema: _schema, ...schema } = manifestJsonSchema();
  return schema;
}

const publishTime = {
  ...time,
  description: "Unknown, as are downloads, of what is mirrored from a registry without an index.",
};
const yank = objectOf({ reason: text, by: text, at: time });
const deprecation = objectOf({ message: text }, { successor: text });
const downloads = objectOf({ total: count, last90Days: count });
const described = { name: text, version: text, description: text, keywords: texts } as const;
const tokenLimits = { id: text, scopes: listOf(tokenScope), patterns: texts } as const;
const webhookFields = {
  id: text,
  namespace: text,
  url: { type: "string", format: "uri" },
  events: listOf(changeKind),
  createdBy: text,
  createdAt: time,
  failures: count,
} as const;

/** What answers are made of, by the names that they have in the document. */
export const apiSchemas = {
  Error: objectOf({
    errors: {
      type: "array",
      minItems: 1,
      items: objectOf(
        { code: text, message: text },
        { detail: { type: "object", properties: { code: text, hint: text }, additionalProperties: true } },
      ),
    },
  }),
  Manifest: manifest(),
  PackageSummary: objectOf({ ...described, updatedAt: time, downloads }),
  PackageVersion: objectOf(
    {
      version: text,
      digest,
      sizeBytes: count,
      manifest: { $ref: "#/components/schemas/Manifest" },
    },
    { publishedAt: publishTime, downloads: count, yanked: yank, deprecated: deprecation },
  ),
  Package: objectOf(
    { ...described, versions: listOf({ $ref: "#/components/schemas/PackageVersion" }) },
    { updatedAt: publishTime, downloads, readme: text, deprecated: deprecation },
  ),
  Withdrawal: objectOf({ name: text }, { version: text, digest, yanked: yank, deprecated: deprecation }),
  Resolution: objectOf({
    name: text,
    versions: listOf(
      objectOf(
        { version: text, digest, dependencies: { type: "object" }, requires: { type: "object" } },
        {
          publishedAt: publishTime,
          inputs: listOf({ type: "object" }),
          platforms: texts,
          yanked: { const: true },
          yankReason: text,
          deprecated: deprecation,
        },
      ),
    ),
  }),
  Change: objectOf(
    { place: text, at: time, kind: changeKind, name: text },
    { version: text, digest, tag: text, subject: digest, reason: text, message: text, successor: text },
  ),
  WhoAmI: objectOf(
    { user: { type: ["string", "null"] }, admin: flag },
    { identities: texts, token: objectOf(tokenLimits, { expiresAt: time }) },
  ),
  Token: objectOf(
    { ...tokenLimits, user: text, label: text, createdAt: time },
    { expiresAt: time, revokedAt: time, lastUsedAt: time, secret: { ...text, description: "Shown once." } },
  ),
  User: objectOf({
    name: text,
    admin: flag,
    password: { ...flag, description: "Whether there is one." },
    identities: texts,
    createdAt: { type: "integer", description: "Milliseconds since the epoch." },
  }),
  Namespace: objectOf({ name: text, private: flag }, { members: listOf(objectOf({ user: text, role })) }),
  AuditEntry: objectOf(
    { id: count, at: time, actor: text, action: text, subject: text, detail: { type: "object" }, requestId: text },
    { namespace: text },
  ),
  Webhook: objectOf(webhookFields, {
    disabled: { ...text, description: "Why it is told of nothing any more." },
    secret: { ...text, description: "Shown once." },
  }),
  Delivery: objectOf(
    { id: text, kind: text, state: { enum: ["pending", "delivered", "failed"] }, attempts: count, createdAt: time },
    { nextAt: time, endedAt: time, answer: text },
  ),
} as const satisfies Record<string, JsonObject>;
