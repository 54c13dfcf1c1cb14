import { createServer, connect } from "node:net";
import type { Socket } from "node:net";
import { concatBytes, encodeUtf8 } from "@cpm/base";

/** What happens to the next request that fits. Whatever is not named happens as without the proxy. */
interface Fault {
  readonly method?: string;
  readonly path?: RegExp;
  /** How many requests it meets. Default 1. */
  readonly times?: number;
  /** The connection to the registry ends after so many bytes of the request's body; the client's is reset. */
  readonly cutRequestAfter?: number;
  /** The client's connection ends after so many bytes of the answer's body. -1: before its head. */
  readonly cutResponseAfter?: number;
  /** When the cut of the answer happens, once its bytes are on their way. Default at once. */
  readonly cutWhen?: Promise<void>;
  /** Nothing more comes after so many bytes of the answer's body. */
  readonly stallAfter?: number;
  /** How long nothing comes after each piece of the answer's body. */
  readonly paceMs?: number;
  /** Changes the head of the request on its way to the registry. */
  readonly requestHead?: (head: string) => string;
  /** Given in place of the registry's answer, and the registry is not asked. */
  readonly answer?: string;
  /** Changes the head of the answer: status line and headers. */
  readonly head?: (head: string) => string;
  /** Changes each piece of the answer's body. */
  readonly body?: (piece: Uint8Array) => Uint8Array;
}

/** One request as it went through. */
interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of the request's body that the registry was given. */
  requestBytes: number;
  /** Bytes of the answer's body that the client was given. */
  responseBytes: number;
}

export interface FaultProxy {
  readonly host: string;
  readonly exchanges: Exchange[];
  readonly faults: Fault[];
  stop(): void;
}

const headEnd = encodeUtf8("\r\n\r\n");

/**
 * Stands between a client and a registry and hurts what passes: one request for each connection, every byte
 * counted. It passes on bytes, not messages, so a cut is a cut.
 */
export async function startFaultProxy(registryHost: string): Promise<FaultProxy> {
  const [hostname = "", port = ""] = registryHost.split(":");
  const exchanges: Exchange[] = [];
  const faults: Fault[] = [];
  const left = new Map<Fault, number>();
  const sockets = new Set<Socket>();
  const take = ({ method, path }: Exchange): Fault => {
    const fits = (fault: Fault): boolean =>
      (fault.method === undefined || fault.method === method) && (fault.path === undefined || fault.path.test(path));
    const fault = faults.find(fits);
    if (fault === undefined) return {};
    const times = (left.get(fault) ?? fault.times ?? 1) - 1;
    left.set(fault, times);
    if (times === 0) faults.splice(faults.indexOf(fault), 1);
    return fault;
  };
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    track(client);
    whenHeadIsThere(client, (head, rest) => {
      const exchange = parseRequest(head);
      exchanges.push(exchange);
      const fault = take(exchange);
      if (fault.answer !== undefined) {
        client.end(fault.answer);
        return;
      }
      const registry = connect(Number(port), hostname);
      track(registry);
      client.once("close", () => registry.end());
      forwardRequest(client, registry, head, rest, exchange, fault);
      whenHeadIsThere(registry, (answer, body) => forwardAnswer(registry, client, answer, body, exchange, fault));
      registry.once("close", () => {
        // A cut and a silence have their own end.
        if (fault.stallAfter === undefined && fault.cutResponseAfter === undefined) client.end();
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    host: `127.0.0.1:${address.port}`,
    exchanges,
    faults,
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function forwardRequest(
  client: Socket,
  registry: Socket,
  head: string,
  rest: Uint8Array,
  exchange: Exchange,
  { cutRequestAfter = Number.POSITIVE_INFINITY, requestHead = (same) => same }: Fault,
): void {
  registry.write(withClose(requestHead(head)));
  const pass = (piece: Uint8Array): void => {
    const part = piece.subarray(0, cutRequestAfter - exchange.requestBytes);
    exchange.requestBytes += part.length;
    if (part.length > 0 && !registry.write(part)) {
      client.pause();
      registry.once("drain", () => client.resume());
    }
    if (exchange.requestBytes >= cutRequestAfter) {
      registry.end();
      client.resetAndDestroy();
    }
  };
  if (cutRequestAfter === 0 || rest.length > 0) pass(rest);
  client.on("data", pass);
}

function forwardAnswer(
  registry: Socket,
  client: Socket,
  head: string,
  rest: Uint8Array,
  exchange: Exchange,
  fault: Fault,
): void {
  const { cutResponseAfter = Number.POSITIVE_INFINITY, stallAfter = Number.POSITIVE_INFINITY } = fault;
  const end = Math.min(cutResponseAfter, stallAfter);
  if (end >= 0) client.write(withClose((fault.head ?? ((same) => same))(head)));
  const cut = async (when: Promise<void> | undefined): Promise<void> => {
    await when;
    client.end();
    registry.destroy();
  };
  let cutting = false;
  const pass = (piece: Uint8Array): void => {
    const changed = (fault.body ?? ((same) => same))(piece);
    const part = changed.subarray(0, Math.max(0, end - exchange.responseBytes));
    exchange.responseBytes += part.length;
    if (part.length > 0 && !client.write(part)) {
      registry.pause();
      client.once("drain", () => registry.resume());
    }
    if (fault.paceMs !== undefined) {
      registry.pause();
      setTimeout(() => registry.resume(), fault.paceMs);
    }
    if (exchange.responseBytes < cutResponseAfter || cutting) return;
    cutting = true;
    registry.pause();
    void cut(fault.cutWhen);
  };
  pass(rest);
  registry.on("data", pass);
}

function whenHeadIsThere(socket: Socket, then: (head: string, rest: Uint8Array) => void): void {
  let seen = new Uint8Array(0);
  const read = (piece: Uint8Array): void => {
    seen = concatBytes([seen, piece]);
    const end = Buffer.from(seen).indexOf(headEnd);
    if (end === -1) return;
    socket.off("data", read);
    then(new TextDecoder().decode(seen.subarray(0, end + headEnd.length)), seen.subarray(end + headEnd.length));
  };
  socket.on("data", read);
}

function parseRequest(head: string): Exchange {
  const [first = "", ...lines] = head.trimEnd().split("\r\n");
  const [method = "", path = ""] = first.split(" ");
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { method, path, headers, requestBytes: 0, responseBytes: 0 };
}

/** One request for each connection, on both sides. */
function withClose(head: string): string {
  const lines = head.trimEnd().split("\r\n");
  return [...lines.filter((line) => !/^connection:/i.test(line)), "connection: close", "", ""].join("\r\n");
}
