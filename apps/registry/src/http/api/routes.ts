import {
  addNamespace,
  addUser,
  changeNamespace,
  createToken,
  listNamespaces,
  listTokens,
  listUsers,
  namespaceAudit,
  removeMember,
  removeUser,
  revokeToken,
  setMember,
  showNamespace,
  wholeAudit,
  whoami,
} from "../administration.ts";
import type { Call, SignInCall } from "../account-call.ts";
import { listChanges } from "../changes.ts";
import { bindIdentity, bindIdentityOf, unbindIdentity, unbindIdentityOf } from "../identities.ts";
import { challenge, exchangeIdToken, signInByKey } from "../login.ts";
import { packageResolution, search, showPackage } from "../packages.ts";
import { addWebhook, listDeliveries, listWebhooks, redeliver, removeWebhook, testWebhook } from "../webhooks.ts";
import { deprecatePackage, undeprecatePackage, unyankVersion, yankVersion } from "../withdrawals.ts";
import { describeApi } from "./description.ts";

type Handler<C> = (call: C) => Response | Promise<Response>;

/** Of those who say who they are, or nothing. A part in braces is one of the names of the call, in order. */
export const apiRoutes = {
  "GET /api/v1/openapi.json": describeApi,
  "GET /api/v1/search": search,
  "GET /api/v1/packages/{namespace}/{name}": showPackage,
  "GET /api/v1/packages/{namespace}/{name}/resolution": packageResolution,
  "PUT /api/v1/packages/{namespace}/{name}/versions/{version}/yank": yankVersion,
  "DELETE /api/v1/packages/{namespace}/{name}/versions/{version}/yank": unyankVersion,
  "PUT /api/v1/packages/{namespace}/{name}/deprecation": deprecatePackage,
  "DELETE /api/v1/packages/{namespace}/{name}/deprecation": undeprecatePackage,
  "PUT /api/v1/packages/{namespace}/{name}/versions/{version}/deprecation": deprecatePackage,
  "DELETE /api/v1/packages/{namespace}/{name}/versions/{version}/deprecation": undeprecatePackage,
  "GET /api/v1/changes": listChanges,
  "GET /api/v1/whoami": whoami,
  "GET /api/v1/tokens": listTokens,
  "POST /api/v1/tokens": createToken,
  "DELETE /api/v1/tokens/{token}": revokeToken,
  "POST /api/v1/identities": bindIdentity,
  "DELETE /api/v1/identities/{identity}": unbindIdentity,
  "GET /api/v1/namespaces": listNamespaces,
  "POST /api/v1/namespaces": addNamespace,
  "GET /api/v1/namespaces/{namespace}": showNamespace,
  "PATCH /api/v1/namespaces/{namespace}": changeNamespace,
  "PUT /api/v1/namespaces/{namespace}/members/{user}": setMember,
  "DELETE /api/v1/namespaces/{namespace}/members/{user}": removeMember,
  "GET /api/v1/namespaces/{namespace}/audit": namespaceAudit,
  "GET /api/v1/namespaces/{namespace}/webhooks": listWebhooks,
  "POST /api/v1/namespaces/{namespace}/webhooks": addWebhook,
  "DELETE /api/v1/namespaces/{namespace}/webhooks/{webhook}": removeWebhook,
  "POST /api/v1/namespaces/{namespace}/webhooks/{webhook}/test": testWebhook,
  "GET /api/v1/namespaces/{namespace}/webhooks/{webhook}/deliveries": listDeliveries,
  "POST /api/v1/namespaces/{namespace}/webhooks/{webhook}/deliveries/{delivery}/redeliver": redeliver,
  "GET /api/v1/users": listUsers,
  "POST /api/v1/users": addUser,
  "DELETE /api/v1/users/{user}": removeUser,
  "PUT /api/v1/users/{user}/identities/{identity}": bindIdentityOf,
  "DELETE /api/v1/users/{user}/identities/{identity}": unbindIdentityOf,
  "GET /api/v1/audit": wholeAudit,
} as const satisfies Record<string, Handler<Call>>;

/** Of those who are about to say who they are: whatever they sent along is not looked at. */
export const signInRoutes = {
  "POST /api/v1/login": signInByKey,
  "POST /api/v1/login/challenge": challenge,
  "POST /api/v1/login/oidc": exchangeIdToken,
} as const satisfies Record<string, Handler<SignInCall>>;

export type ApiRoute = keyof typeof apiRoutes;
export type SignInRoute = keyof typeof signInRoutes;
