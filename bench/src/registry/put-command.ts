import { createHash } from "node:crypto";
import { connect } from "node:net";
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
const maxAttempts = 5;
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

/**
 * A server may close a connection on which no request has begun for some seconds (the runtime of ours: ten), and this
 * process may take as long to begin while it writes to all others: then the next connection is tried. Where a part of
 * the body had arrived, that is answered with 400, and is a failure of the measurement.
 */
async function put(path: string, head: Uint8Array): Promise<number> {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const status = await putOnce(path, head);
    if (status !== undefined) return status;
  }
  return 0;
}

/** Undefined when the connection ended without an answer. */
function putOnce(path: string, head: Uint8Array): Promise<number | undefined> {
  const [hostname = "", port = ""] = host.split(":");
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const socket = connect(Number(port), hostname);
  let answer = "";
  socket.on("data", (piece) => (answer += piece.toString()));
  socket.once("error", () => resolve(undefined));
  socket.once("close", () => {
    const status = /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1];
    resolve(status === undefined ? undefined : Number(status));
  });
  const lines = [`PUT ${path} HTTP/1.1`, `host: ${host}`, "content-type: application/octet-stream"];
  socket.write([...lines, `content-length: ${blobBytes}`, "connection: close", "", ""].join("\r\n"));
  socket.write(head);
  socket.write(rest);
  return promise;
}
