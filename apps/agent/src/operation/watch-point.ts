import { agentError } from "../errors.ts";

export interface WatchPointOptions {
  /** `HOST:PORT`, or the path of a socket. */
  readonly address: string;
  readonly metrics: () => string;
  /** What keeps the agent from serving; empty when nothing does. */
  readonly faults: () => readonly string[];
}

export interface WatchPoint {
  /** `HOST:PORT` as it listens, or the path. */
  readonly address: string;
  stop(): Promise<void>;
}

/** `/livez`, `/readyz` and `/metrics` over HTTP, for who cannot speak gRPC. Throws `agent/address`. */
export function serveWatchPoint({ address, metrics, faults }: WatchPointOptions): WatchPoint {
  const fetch = (request: Request): Response => {
    const { pathname } = new URL(request.url);
    if (pathname === "/livez") return new Response("ok\n");
    if (pathname === "/metrics")
      return new Response(metrics(), { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } });
    if (pathname !== "/readyz") return new Response("not found\n", { status: 404 });
    const found = faults();
    return new Response(found.length === 0 ? "ok\n" : `${found.join("\n")}\n`, {
      status: found.length === 0 ? 200 : 503,
    });
  };
  try {
    const server = listen(address, fetch);
    const where = address.startsWith("/") ? address : `${server.hostname ?? ""}:${server.port ?? 0}`;
    return { address: where, stop: () => server.stop(true) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw agentError("agent/address", `cannot listen at ${address}: ${why}`, { cause });
  }
}

function listen(address: string, fetch: (request: Request) => Response) {
  if (address.startsWith("/")) return Bun.serve({ unix: address, fetch, development: false });
  const [, host = "", port = ""] = /^(.+):(\d{1,5})$/.exec(address) ?? [];
  const hostname = host.replace(/^\[|\]$/g, "");
  return Bun.serve({ hostname, port: Number(port), fetch, development: false, reusePort: false });
}
