import { createHash } from "node:crypto";
import { Random } from "../random.ts";
import type { Load } from "./get-load.ts";

/**
 * `put-command.ts HOST CLIENTS PUSHES BYTES SEED`: pushes blobs that differ in their first bytes and share the rest.
 * Digests are computed before the clock starts, and a body goes to the socket as it is, so that what is left is
 * little more than the kernel's copy.
 */
const [host = "", ...numbers] = process.argv.slice(2);
const [clients = 1, pushes = 1, blobBytes = 0, seed = 1] = numbers.map(Number);
const headBytes = 64;
/** The kernel takes less at once; what it did not take is not copied. */
const pieceBytes = 1024 * 1024;
const rest = new Uint8Array(blobBytes - headBytes);
new Random(seed).fillNoise(rest);

interface Blob {
  readonly head: Uint8Array;
  readonly digest: string;
}

const blobs = Array.from({ length: pushes }, (_, index): Blob => {
  const head = new Uint8Array(headBytes).fill(index % 251);
  new DataView(head.buffer).setFloat64(0, seed * 1e6 + index);
  return { head, digest: `sha256:${createHash("sha256").update(head).update(rest).digest("hex")}` };
});
const durationsMs: number[] = [];
const startedAt = performance.now();
await Promise.all(Array.from({ length: clients }, (_, client) => work(client)));
const elapsedS = (performance.now() - startedAt) / 1000;
durationsMs.sort((left, right) => left - right);
const load: Load = {
  requests: pushes,
  requestsPerSecond: pushes / elapsedS,
  p99Ms: durationsMs[Math.ceil(durationsMs.length * 0.99) - 1] ?? Number.NaN,
};
process.stdout.write(JSON.stringify(load));

async function work(client: number): Promise<void> {
  for (let index = client; index < blobs.length; index += clients) {
    const blob = blobs[index];
    if (blob === undefined) continue;
    const at = performance.now();
    await push(blob);
    durationsMs.push(performance.now() - at);
  }
}

async function push({ head, digest }: Blob): Promise<void> {
  const begun = await fetch(`http://${host}/v2/bench/pushed/blobs/uploads/`, { method: "POST" });
  const location = new URL(begun.headers.get("location") ?? "", `http://${host}`);
  location.searchParams.set("digest", digest);
  const status = await put(`${location.pathname}${location.search}`, head);
  if (status !== 201) throw new Error(`the blob was answered with ${status}`);
}

/** The status of the answer; 0 when the connection ended without one. */
function put(path: string, head: Uint8Array): Promise<number> {
  const [hostname = "", port = ""] = host.split(":");
  const lines = [`PUT ${path} HTTP/1.1`, `host: ${host}`, "content-type: application/octet-stream"];
  const first = [...lines, `content-length: ${blobBytes}`, "connection: close", "", ""].join("\r\n");
  const parts = [Buffer.concat([Buffer.from(first), head]), rest];
  const { promise, resolve } = Promise.withResolvers<number>();
  let answer = "";
  const send = (socket: Bun.Socket): void => {
    for (let part = parts[0]; part !== undefined; part = parts[0]) {
      const taken = socket.write(part, 0, Math.min(part.length, pieceBytes));
      if (taken <= 0) return;
      if (taken < part.length) parts[0] = part.subarray(taken);
      else parts.shift();
    }
  };
  const end = () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0));
  const data = (_: Bun.Socket, piece: Uint8Array) => void (answer += new TextDecoder().decode(piece));
  const socket = { open: send, drain: send, data, close: end, error: end };
  Bun.connect({ hostname, port: Number(port), socket }).catch(end);
  return promise;
}
