import { nearest } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import { accessInvalid } from "../../access/access-invalid.ts";
import { registryError } from "../../errors.ts";
import { readJsonBody } from "../json-body.ts";
import type { ApiOperation } from "./operation.ts";
import { apiOperations } from "./operations.ts";
import { apiRoutes, signInRoutes } from "./routes.ts";
import type { ApiRoute, SignInRoute } from "./routes.ts";

/** A request that is one of the interface's. */
export type ApiTarget =
  | { readonly kind: "call"; readonly route: ApiRoute; readonly names: readonly string[] }
  | { readonly kind: "sign in"; readonly route: SignInRoute; readonly names: readonly string[] };

const patterns = [
  ...(Object.keys(apiRoutes) as ApiRoute[]).map((route) => ({ kind: "call" as const, route, ...patternOf(route) })),
  ...(Object.keys(signInRoutes) as SignInRoute[]).map((route) => ({
    kind: "sign in" as const,
    route,
    ...patternOf(route),
  })),
];

/** Undefined for a path that is none of the interface's. Throws `registry-server/unsupported` for another method. */
export function findApiTarget(method: string, pathname: string): ApiTarget | undefined {
  if (!pathname.startsWith("/api/v1/")) return undefined;
  let other = false;
  for (const { path, ...pattern } of patterns) {
    const names = path.exec(pathname)?.slice(1);
    if (names === undefined) continue;
    if (pattern.method === method) return { ...pattern, names };
    other = true;
  }
  if (other) throw registryError("registry-server/unsupported", `${method} is not supported here`);
  return undefined;
}

/** For programs: a typing error must not widen what is found or done. Throws `registry-server/bad-query`. */
export function refuseUnknownParameters(route: ApiRoute | SignInRoute, query: URLSearchParams): void {
  const known = Object.keys(apiOperations[route].query ?? {});
  const unknown = [...query.keys()].find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw registryError("registry-server/bad-query", `there is no parameter ${unknownAmong(unknown, known)}`);
}

/** The object that a request brings, of keys that the route knows. Throws `registry-server/access-invalid`. */
export async function readApiBody(route: ApiRoute | SignInRoute, request: Request): Promise<JsonObject> {
  const body = await readJsonBody(request);
  // Of a union of all operations only some have a body.
  const { body: described }: ApiOperation = apiOperations[route];
  const known = Object.keys(described?.properties ?? {});
  const unknown = Object.keys(body).find((key) => !known.includes(key));
  if (unknown !== undefined) throw accessInvalid(`the body has no ${unknownAmong(unknown, known)}`);
  return body;
}

function unknownAmong(unknown: string, known: readonly string[]): string {
  const meant = nearest(unknown, known);
  const hint = meant !== undefined ? `${meant} was meant?` : known.length === 0 ? "none is taken" : known.join(", ");
  return `${unknown.slice(0, 40)}; ${hint}`;
}

function patternOf(route: string): { readonly method: string; readonly path: RegExp } {
  const [method = "", path = ""] = route.split(" ");
  return { method, path: new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "([^/]+)")}$`) };
}
