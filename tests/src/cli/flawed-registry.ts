export interface FlawedRegistry {
  /** `host:port`. */
  readonly host: string;
  stop(): Promise<void>;
}

export interface Flaws {
  /** Changes one byte of every blob of at least this size. */
  readonly damageFromBytes?: number;
  /** Sends blobs no faster than this. */
  readonly bytesPerSecond?: number;
  /** Called when the first byte of a blob was asked for. */
  readonly onBlob?: () => void;
}

/** A registry's front door that sends other bytes than it stores, or sends them slowly. */
export function openFlawedRegistry(endpoint: string, flaws: Flaws): FlawedRegistry {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const headers = new Headers(request.headers);
      headers.delete("host");
      headers.set("accept-encoding", "identity");
      const body = request.body === null ? {} : { body: await request.arrayBuffer() };
      const answer = await fetch(`${endpoint}${pathname}${search}`, { method: request.method, headers, ...body });
      const bytes = new Uint8Array(await answer.arrayBuffer());
      if (request.method !== "GET" || !pathname.includes("/blobs/sha256:")) {
        return new Response(request.method === "HEAD" ? null : bytes, answer);
      }
      flaws.onBlob?.();
      if (bytes.length >= (flaws.damageFromBytes ?? Number.POSITIVE_INFINITY))
        bytes.set([(bytes.at(bytes.length >> 1) ?? 0) ^ 1], bytes.length >> 1);
      const { bytesPerSecond } = flaws;
      return new Response(bytesPerSecond === undefined ? bytes : slowly(bytes, bytesPerSecond), answer);
    },
  });
  return { host: `127.0.0.1:${server.port}`, stop: () => server.stop(true) };
}

const piecesPerSecond = 20;

function slowly(bytes: Uint8Array, bytesPerSecond: number): ReadableStream<Uint8Array> {
  const size = Math.ceil(bytesPerSecond / piecesPerSecond);
  let offset = 0;
  return new ReadableStream({
    async pull(controller) {
      if (offset >= bytes.length) return controller.close();
      await Bun.sleep(1000 / piecesPerSecond);
      controller.enqueue(bytes.subarray(offset, offset + size));
      offset += size;
    },
  });
}
