import { isCpmError } from "@cpm/base";
import type { Origin } from "./access/authenticator.ts";
import { RequestOrigin } from "./access/request-origin.ts";
import type { ClientAddress } from "./access/request-origin.ts";
import { errorResponse, hostOf, sentBytesOf, toResponse } from "./http/answers.ts";
import type { PlainAnswer, TokenService } from "./http/answers.ts";
import { readTarget } from "./http/request-target.ts";
import type { RequestTarget } from "./http/request-target.ts";
import { handleRequest, isReading } from "./http/routes.ts";
import { openParts } from "./open-parts.ts";
import { routeName } from "./operation/route-name.ts";
import { toErrorPage, wantsPage } from "./pages/error/response.ts";
import type { RegistryOptions } from "./registry-options.ts";
import type { RegistryParts } from "./registry-parts.ts";
import { serviceName } from "./service-name.ts";
import { openStorage } from "./storage.ts";

/** A registry is a function from request to response; what listens is for the caller. */
export interface Registry {
  /** `address` is the client's, by which requests for tokens are counted. Default: `unknown`. */
  fetch(request: Request, address?: ClientAddress): Promise<Response>;
  /** From now on it does, at its times, what no request asks for. */
  startJobs(): void;
  /** Does one job to its end, whether it is due or not. Throws what it throws. */
  runJob(name: string): Promise<void>;
  /**
   * From now on it is not ready: no new requests should be sent to it. Those that come are served all the same. Jobs
   * begin no further step.
   */
  drain(): void;
  /** Lets jobs end the step that they are at, and what is being written to the database; nothing can be asked afterwards. */
  close(): Promise<void>;
}

/**
 * Opens a registry. Where it keeps something in a directory, one process at a time has that; on PostgreSQL and S3 any
 * number do, and commands beside them change accounts in the database. Throws `registry-server/locked`,
 * `registry-server/not-open` for a registry with users that is to be open, `registry-server/mirror-conflict` for a
 * namespace with content of its own that is to be a mirror, errors of the database and of files.
 */
export async function openRegistry(options: RegistryOptions): Promise<Registry> {
  const { now = () => Date.now(), log, logged = () => true } = options;
  const logsAll = log !== undefined && options.logged === undefined;
  const { parts, jobs, start, close, drain } = await openParts(options, now, await openStorage(options));
  // Others may serve the same registry: their requests are told apart in the audit log, which they share.
  const replica = crypto.randomUUID().slice(0, 4);
  let count = 0;
  return {
    async fetch(request, address) {
      const startedAt = performance.now();
      const origin = new RequestOrigin(`${now().toString(36)}-${replica}-${(count++).toString(36)}`, address);
      // Before anything is waited for: who sends something may be gone before there is something to tell of them.
      if (logsAll || !isReading(request)) void origin.address;
      const target = readTarget(request.url);
      parts.metrics.begin();
      const { answer, error } = await respond(parts, request, target, origin, options);
      const response = toResponse(answer, origin.requestId);
      const { status } = response;
      const { method } = request;
      const route = routeName(target);
      const sentBytes = method === "HEAD" ? 0 : sentBytesOf(answer);
      const durationMs = performance.now() - startedAt;
      parts.metrics.end(route, method, status, durationMs, sentBytes);
      if (log === undefined || !logged(status)) return response;
      const { requestId, actor } = origin;
      log({
        requestId,
        method,
        path: target.pathname,
        route,
        status,
        durationMs: Math.round(durationMs * 1000) / 1000,
        address: origin.address,
        ...(actor === undefined ? {} : { actor }),
        sentBytes,
        // Only what is our failure: what a client does wrong was told to the client.
        ...(error !== undefined && status >= 500 ? { error: describe(error) } : {}),
      });
      return response;
    },
    startJobs: start,
    runJob: (name) => jobs.run(name),
    drain,
    close,
  };
}

/** A realm is absolute by its specification. Behind a proxy only `publicUrl` tells how clients say it. */
function tokenService(options: RegistryOptions, request: Request): TokenService {
  // When it is asked for: few answers name it, and the address of every request would be parsed once more.
  return {
    get realm() {
      return new URL("/token", options.publicUrl ?? request.url).href;
    },
    get service() {
      return serviceName(options);
    },
  };
}

async function respond(
  parts: RegistryParts,
  request: Request,
  target: RequestTarget,
  origin: Origin,
  options: RegistryOptions,
): Promise<{ readonly answer: Response | PlainAnswer; readonly error?: unknown }> {
  const tokens = tokenService(options, request);
  try {
    return { answer: await handleRequest(parts, request, target, origin, tokens) };
  } catch (error) {
    const response = errorResponse(error, origin.requestId, tokens);
    if (!wantsPage(request)) return { answer: response, error };
    return { answer: await toErrorPage(response, request, hostOf(tokens), options.access !== "open"), error };
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${isCpmError(error) ? `[${error.code}] ` : ""}${error.stack ?? error.message}`;
}
