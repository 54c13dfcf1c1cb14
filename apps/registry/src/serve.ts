import { registryError } from "./errors.ts";
import { openRegistry } from "./registry.ts";
import type { Registry } from "./registry.ts";
import type { RegistryOptions } from "./registry-options.ts";

export interface ServeOptions extends RegistryOptions {
  readonly hostname: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Lets an open registry listen where other machines reach it. Default false: loopback addresses only. */
  readonly openAnywhere?: boolean;
  /** Serves https. Default: http, for a loopback address or behind a proxy. */
  readonly tls?: TlsFiles;
  /** Takes the client's address from the last entry of `X-Forwarded-For`, which a proxy in front must write. */
  readonly trustProxy?: boolean;
  /** How long requests may go on after `stop`. Default 10 s. */
  readonly graceMs?: number;
}

/** The texts of two PEM files. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

const defaultGraceMs = 10_000;

export interface RunningRegistry {
  /** `http://host:port`, or `https://`. */
  readonly endpoint: string;
  /** `host:port`, as references name it. */
  readonly host: string;
  stop(): Promise<void>;
}

/**
 * Listens, does its jobs, and answers where. `stop` lets requests that run finish for a while, and then ends them: what
 * arrived of an upload is kept. Throws what `openRegistry` throws, and `registry-server/not-open` for an open registry that
 * other machines would reach.
 */
export async function serveRegistry(options: ServeOptions): Promise<RunningRegistry> {
  const { hostname, graceMs = defaultGraceMs } = options;
  assertServable(options);
  const registry = await openRegistry(options);
  const server = await listen(registry, options);
  registry.startJobs();
  const host = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${server.port ?? 0}`;
  return {
    endpoint: `${options.tls === undefined ? "http" : "https"}://${host}`,
    host,
    async stop() {
      registry.drain();
      const force = setTimeout(() => void server.stop(true), graceMs);
      await server.stop();
      clearTimeout(force);
      await registry.close();
    },
  };
}

/** Throws `registry-server/not-open` for an open registry that other machines would reach. */
export function assertServable({ access, hostname, openAnywhere = false }: ServeOptions): void {
  if (access === "open" && !openAnywhere && !isLoopback(hostname))
    throw registryError("registry-server/not-open", `at ${hostname} other machines could publish to an open registry`);
}

async function listen(
  registry: Registry,
  { hostname, port, tls, trustProxy = false }: ServeOptions,
): Promise<Bun.Server<undefined>> {
  try {
    return Bun.serve({
      hostname,
      port,
      development: false,
      ...(tls === undefined ? {} : { tls: { cert: tls.cert, key: tls.key } }),
      // With development off Bun would let a second process listen on the same port.
      reusePort: false,
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      // A stalled client is dropped; a slow one is not.
      idleTimeout: 120,
      fetch(request, server) {
        // A package is read to its end before its manifest is answered.
        if (request.method === "PUT" && request.url.includes("/manifests/")) server.timeout(request, 0);
        const forwarded = trustProxy ? lastOf(request.headers.get("x-forwarded-for")) : undefined;
        return registry.fetch(request, forwarded ?? (() => server.requestIP(request)?.address));
      },
    });
  } catch (cause) {
    await registry.close();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw registryError("registry-server/address", `cannot listen on ${hostname}:${port}: ${why}`, undefined, cause);
  }
}

/** What the nearest proxy wrote; what is before it a client can have made up. */
function lastOf(list: string | null): string | undefined {
  const last = list?.split(",").at(-1)?.trim().slice(0, 64);
  return last === "" ? undefined : last;
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}
