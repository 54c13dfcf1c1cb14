import { filterFields } from "../search-query.ts";
import type { ApiOperation, QueryParameter } from "./operation.ts";
import type { ApiRoute, SignInRoute } from "./routes.ts";
import { changeKind, count, flag, listOf, objectOf, refTo, text, texts, time, tokenScope } from "./schemas.ts";

const limit = (most: number, otherwise: number): QueryParameter => ({
  description: `How many at most; more than ${most} counts as ${most}.`,
  schema: { ...count, default: otherwise },
});
const before: QueryParameter = { description: "Those with a lower id.", schema: count };
const nothing = (description: string) => ({ description });
const newToken = {
  label: { ...text, description: "For people to tell tokens apart." },
  scopes: listOf(tokenScope),
  patterns: { ...texts, description: "Names with `*` for any run of characters. Default: every package." },
  expiresInS: { type: "integer", minimum: 1, description: "Seconds from now." },
} as const;
const signed = {
  nonce: { ...text, description: "Of a challenge." },
  signature: { ...text, description: "By the ColonyOS key, of the text that names nonce, registry and purpose." },
} as const;
const notice = {
  message: { ...text, description: "What whoever uses it should know." },
  successor: { ...text, description: "A package to use in its place." },
} as const;
const withdrawn = { 200: { description: "How it stands now.", schema: refTo("Withdrawal") } } as const;
const auditPage = objectOf({ entries: listOf(refTo("AuditEntry")) });

const exampleSummary = {
  name: "rise/wordcount",
  version: "1.2.0",
  description: "Count words in text files, in parallel.",
  keywords: ["text", "map-reduce"],
  updatedAt: "2026-11-26T04:00:00.000Z",
  downloads: { total: 1520, last90Days: 310 },
} as const;

/** Every route, described: without this a route does not compile. */
export const apiOperations: Readonly<Record<ApiRoute | SignInRoute, ApiOperation>> = {
  "GET /api/v1/openapi.json": {
    id: "describeApi",
    tag: "index",
    summary: "This document",
    access: "everybody",
    answers: {
      200: { description: "OpenAPI 3.1.", schema: { type: "object" } },
      304: nothing("It has not changed."),
    },
  },
  "GET /api/v1/search": {
    id: "searchPackages",
    tag: "index",
    summary: "Find packages by words and by what they have",
    description:
      "The exact name first, then by the relevance of the words, then by the downloads of 90 days. Without words it lists all.",
    access: "everybody",
    query: {
      q: { description: "Words, each of which a package has, or one that begins with it.", schema: text },
      ...Object.fromEntries(
        Object.values(filterFields).map(({ key, pattern, maxLength, expected }) => [
          key,
          {
            description: `Only packages of which it holds: ${expected}. Several have to hold all.`,
            schema: { type: "string", pattern: `^(${pattern})$`, maxLength },
            repeated: true,
          },
        ]),
      ),
      limit: limit(100, 20),
      offset: { description: "How many to leave out first.", schema: { ...count, default: 0 } },
    },
    answers: {
      200: {
        description: "A page of what was found.",
        schema: objectOf({ total: count, results: listOf(refTo("PackageSummary")) }),
        example: { total: 1, results: [{ ...exampleSummary }] },
      },
    },
  },
  "GET /api/v1/packages/{namespace}/{name}": {
    id: "showPackage",
    tag: "index",
    summary: "A package with all its versions, the highest first",
    description: "Has an ETag of its content: send it as `If-None-Match`.",
    access: "everybody",
    answers: {
      200: { description: "The package.", schema: refTo("Package") },
      304: nothing("It has not changed."),
    },
  },
  "GET /api/v1/packages/{namespace}/{name}/resolution": {
    id: "packageResolution",
    tag: "index",
    summary: "All that a resolver needs of a package",
    description: "Has an ETag of its content: send it as `If-None-Match`.",
    access: "everybody",
    answers: {
      200: { description: "Every version with what it needs.", schema: refTo("Resolution") },
      304: nothing("It has not changed."),
    },
  },
  "PUT /api/v1/packages/{namespace}/{name}/versions/{version}/yank": {
    id: "yankVersion",
    tag: "index",
    summary: "Have a version chosen by nobody who does not name it",
    access: "users",
    body: { required: ["reason"], properties: { reason: text } },
    answers: withdrawn,
  },
  "DELETE /api/v1/packages/{namespace}/{name}/versions/{version}/yank": {
    id: "unyankVersion",
    tag: "index",
    summary: "Take a yank back",
    access: "users",
    body: { required: [], properties: { reason: text } },
    answers: withdrawn,
  },
  "PUT /api/v1/packages/{namespace}/{name}/deprecation": {
    id: "deprecatePackage",
    tag: "index",
    summary: "Advise against a package",
    access: "users",
    body: { required: ["message"], properties: notice },
    answers: withdrawn,
  },
  "DELETE /api/v1/packages/{namespace}/{name}/deprecation": {
    id: "undeprecatePackage",
    tag: "index",
    summary: "Advise against a package no longer",
    access: "users",
    answers: withdrawn,
  },
  "PUT /api/v1/packages/{namespace}/{name}/versions/{version}/deprecation": {
    id: "deprecateVersion",
    tag: "index",
    summary: "Advise against a version",
    access: "users",
    body: { required: ["message"], properties: notice },
    answers: withdrawn,
  },
  "DELETE /api/v1/packages/{namespace}/{name}/versions/{version}/deprecation": {
    id: "undeprecateVersion",
    tag: "index",
    summary: "Advise against a version no longer",
    access: "users",
    answers: withdrawn,
  },
  "GET /api/v1/changes": {
    id: "listChanges",
    tag: "changes",
    summary: "What changed after a place of the feed",
    description:
      "The earliest first, of what the caller may pull. A place from before what is kept is answered with 410.",
    access: "everybody",
    query: {
      after: {
        description: "A place, or `latest` for where the feed ends now.",
        schema: { type: "string", pattern: "^([0-9]{1,15}|latest)$", default: "0" },
      },
      limit: limit(1000, 100),
      wait: {
        description: "Seconds to wait for a change before an empty answer.",
        schema: { type: "integer", minimum: 0, maximum: 60, default: 0 },
      },
    },
    answers: {
      200: {
        description: "Changes, and the place after which to go on.",
        schema: objectOf({ changes: listOf(refTo("Change")), next: text, more: flag }),
        example: {
          changes: [
            {
              place: "1042",
              at: "2026-11-26T04:00:00.000Z",
              kind: "version.published",
              name: "rise/wordcount",
              version: "1.2.0",
              digest: `sha256:${"0123456789abcdef".repeat(4)}`,
            },
          ],
          next: "1042",
          more: false,
        },
      },
    },
  },
  "GET /api/v1/whoami": {
    id: "whoami",
    tag: "account",
    summary: "Who the credentials are of",
    access: "users",
    answers: { 200: { description: "The user, and what a token leaves of their rights.", schema: refTo("WhoAmI") } },
  },
  "GET /api/v1/tokens": {
    id: "listTokens",
    tag: "account",
    summary: "One's own tokens",
    access: "users",
    answers: { 200: { description: "Without their secrets.", schema: objectOf({ tokens: listOf(refTo("Token")) }) } },
  },
  "POST /api/v1/tokens": {
    id: "createToken",
    tag: "account",
    summary: "Make a token",
    access: "users",
    body: { required: [], properties: newToken },
    answers: { 201: { description: "The token, with its secret.", schema: refTo("Token") } },
  },
  "DELETE /api/v1/tokens/{token}": {
    id: "revokeToken",
    tag: "account",
    summary: "Revoke a token",
    access: "users",
    answers: { 204: nothing("It is good for nothing any more.") },
  },
  "POST /api/v1/identities": {
    id: "bindIdentity",
    tag: "account",
    summary: "Bind a ColonyOS key to oneself by signing with it",
    access: "users",
    body: { required: ["nonce", "signature"], properties: signed },
    answers: { 204: nothing("The key signs in.") },
  },
  "DELETE /api/v1/identities/{identity}": {
    id: "unbindIdentity",
    tag: "account",
    summary: "Give up a ColonyOS key",
    access: "users",
    answers: { 204: nothing("The key does not sign in any more.") },
  },
  "POST /api/v1/login/challenge": {
    id: "challenge",
    tag: "account",
    summary: "Begin to sign in by a ColonyOS key",
    access: "everybody",
    answers: {
      200: { description: "A nonce to sign once.", schema: objectOf({ nonce: text, expiresAt: time }) },
    },
  },
  "POST /api/v1/login": {
    id: "signInByKey",
    tag: "account",
    summary: "Sign in by a ColonyOS key",
    access: "everybody",
    body: { required: ["nonce", "signature"], properties: { ...signed, ...newToken } },
    answers: { 201: { description: "A token, with its secret.", schema: refTo("Token") } },
  },
  "POST /api/v1/login/oidc": {
    id: "exchangeIdToken",
    tag: "account",
    summary: "Exchange an identity token of a CI system for a token that publishes one package",
    access: "everybody",
    body: {
      required: ["package", "token"],
      properties: { package: text, token: { ...text, description: "A JSON Web Token (RFC 7519)." } },
    },
    answers: { 201: { description: "A token, with its secret.", schema: refTo("Token") } },
  },
  "GET /api/v1/namespaces": {
    id: "listNamespaces",
    tag: "namespaces",
    summary: "The namespaces that the caller may see",
    access: "everybody",
    answers: {
      200: { description: "Without their members.", schema: objectOf({ namespaces: listOf(refTo("Namespace")) }) },
    },
  },
  "POST /api/v1/namespaces": {
    id: "addNamespace",
    tag: "namespaces",
    summary: "Make a namespace",
    access: "administrators",
    body: { required: ["name"], properties: { name: text, private: { ...flag, default: false }, owner: text } },
    answers: { 201: nothing("It is there.") },
  },
  "GET /api/v1/namespaces/{namespace}": {
    id: "showNamespace",
    tag: "namespaces",
    summary: "A namespace with its members",
    access: "owners",
    answers: { 200: { description: "The namespace.", schema: refTo("Namespace") } },
  },
  "PATCH /api/v1/namespaces/{namespace}": {
    id: "changeNamespace",
    tag: "namespaces",
    summary: "Make a namespace private or public",
    access: "owners",
    body: { required: [], properties: { private: flag } },
    answers: { 204: nothing("It is as asked.") },
  },
  "PUT /api/v1/namespaces/{namespace}/members/{user}": {
    id: "setMember",
    tag: "namespaces",
    summary: "Let a user be a member or an owner",
    access: "owners",
    body: { required: ["role"], properties: { role: { enum: ["owner", "member"] } } },
    answers: { 204: nothing("They are.") },
  },
  "DELETE /api/v1/namespaces/{namespace}/members/{user}": {
    id: "removeMember",
    tag: "namespaces",
    summary: "Let a user be no member any more",
    access: "owners",
    answers: { 204: nothing("They are not.") },
  },
  "GET /api/v1/namespaces/{namespace}/audit": {
    id: "namespaceAudit",
    tag: "namespaces",
    summary: "What was done in a namespace, the newest first",
    access: "owners",
    query: { before, limit: limit(1000, 100) },
    answers: { 200: { description: "Entries of the audit log.", schema: auditPage } },
  },
  "GET /api/v1/namespaces/{namespace}/webhooks": {
    id: "listWebhooks",
    tag: "namespaces",
    summary: "Who is told of the changes of a namespace",
    access: "owners",
    answers: {
      200: { description: "Without their secrets.", schema: objectOf({ webhooks: listOf(refTo("Webhook")) }) },
    },
  },
  "POST /api/v1/namespaces/{namespace}/webhooks": {
    id: "addWebhook",
    tag: "namespaces",
    summary: "Have an address told of the changes of a namespace",
    access: "owners",
    body: {
      required: ["url"],
      properties: {
        url: { type: "string", format: "uri", maxLength: 2000 },
        events: { ...listOf(changeKind), description: "Default: all." },
      },
    },
    answers: {
      201: {
        description: "The webhook, with the secret of its signatures.",
        schema: refTo("Webhook"),
        example: {
          id: "0b9f3a52-5f0c-4c59-9a2e-1f6f9f0f7a11",
          namespace: "rise",
          url: "https://hooks.example.net/in",
          events: ["version.published"],
          createdBy: "olga",
          createdAt: "2026-11-26T04:00:00.000Z",
          failures: 0,
          secret: "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        },
      },
    },
  },
  "DELETE /api/v1/namespaces/{namespace}/webhooks/{webhook}": {
    id: "removeWebhook",
    tag: "namespaces",
    summary: "Have an address told of nothing any more",
    access: "owners",
    answers: { 204: nothing("It is gone, with its deliveries.") },
  },
  "POST /api/v1/namespaces/{namespace}/webhooks/{webhook}/test": {
    id: "testWebhook",
    tag: "namespaces",
    summary: "Deliver a test, which enables a webhook again when it arrives",
    access: "owners",
    answers: { 202: { description: "It is delivered next.", schema: objectOf({ delivery: text }) } },
  },
  "GET /api/v1/namespaces/{namespace}/webhooks/{webhook}/deliveries": {
    id: "listDeliveries",
    tag: "namespaces",
    summary: "What a webhook was told and what came of it, the newest first",
    access: "owners",
    query: { before, limit: limit(100, 50) },
    answers: {
      200: { description: "Of the last 30 days.", schema: objectOf({ deliveries: listOf(refTo("Delivery")) }) },
    },
  },
  "POST /api/v1/namespaces/{namespace}/webhooks/{webhook}/deliveries/{delivery}/redeliver": {
    id: "redeliver",
    tag: "namespaces",
    summary: "Deliver once more",
    access: "owners",
    answers: { 202: nothing("It is delivered next.") },
  },
  "GET /api/v1/users": {
    id: "listUsers",
    tag: "administration",
    summary: "All users",
    access: "administrators",
    answers: { 200: { description: "Without their passwords.", schema: objectOf({ users: listOf(refTo("User")) }) } },
  },
  "POST /api/v1/users": {
    id: "addUser",
    tag: "administration",
    summary: "Make a user",
    access: "administrators",
    body: {
      required: ["name"],
      properties: { name: text, password: text, admin: { ...flag, default: false }, identities: texts },
    },
    answers: { 201: nothing("They may sign in.") },
  },
  "DELETE /api/v1/users/{user}": {
    id: "removeUser",
    tag: "administration",
    summary: "Remove a user, with their tokens",
    access: "administrators",
    answers: { 204: nothing("They are gone.") },
  },
  "PUT /api/v1/users/{user}/identities/{identity}": {
    id: "bindIdentityOf",
    tag: "administration",
    summary: "Say whose a ColonyOS key is",
    access: "administrators",
    answers: { 204: nothing("The key signs in.") },
  },
  "DELETE /api/v1/users/{user}/identities/{identity}": {
    id: "unbindIdentityOf",
    tag: "administration",
    summary: "Say that a ColonyOS key is a user's no more",
    access: "administrators",
    answers: { 204: nothing("The key does not sign in any more.") },
  },
  "GET /api/v1/audit": {
    id: "wholeAudit",
    tag: "administration",
    summary: "What was done in the registry, the newest first",
    access: "administrators",
    query: { before, limit: limit(1000, 100) },
    answers: { 200: { description: "Entries of the audit log.", schema: auditPage } },
  },
};
