import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { whyNoGo } from "@cpm/dev-colony/programs";
import { startRegistryProcess } from "./registry-process.ts";
import { startS3Server } from "./s3-server.ts";
import { inDirectory, inS3 } from "./storage-place.ts";
import type { StoragePlace } from "./storage-place.ts";
import { someBytes } from "./testing.ts";

const limitBytes = 200_000_000;

/** A blob of any size is pushed and pulled as a stream: nothing of it stays in the server. Linux only, for /proc. */
export function testLargeBlob(sizeBytes: number, timeoutMs: number): void {
  const what = `a blob of ${sizeBytes / 1e9} GB is pushed and pulled in less than ${limitBytes / 1e6} MB of memory`;
  const withFolder = async (test: (folder: string) => Promise<void>): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), "cpm-large-"));
    try {
      await test(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  test.skipIf(process.platform !== "linux")(
    what,
    () => withFolder((folder) => pushAndPull(inDirectory(folder), sizeBytes)),
    timeoutMs,
  );
  test.skipIf(process.platform !== "linux" || whyNoGo() !== undefined)(
    `${what}, in S3`,
    () =>
      withFolder(async (folder) => {
        const server = await startS3Server();
        try {
          await pushAndPull(inS3(folder, server), sizeBytes);
        } finally {
          await server.stop();
        }
      }),
    timeoutMs,
  );
}

async function pushAndPull(place: StoragePlace, sizeBytes: number): Promise<void> {
  const registry = await startRegistryProcess(place.data, place);
  try {
    const piece = someBytes(4_000_000);
    const digest = `sha256:${await sha256Of(repeated(piece, sizeBytes))}`;
    const begun = await fetch(`http://${registry.host}/v2/test/large/blobs/uploads/`, { method: "POST" });
    const location = new URL(begun.headers.get("location") ?? "", `http://${registry.host}`);
    location.searchParams.set("digest", digest);
    const push = await fetch(location, { method: "PUT", body: repeated(piece, sizeBytes), ...noTimeout });
    expect(push.status).toBe(201);
    const afterPush = registry.peakMemoryBytes();
    const pull = await fetch(`http://${registry.host}/v2/test/large/blobs/${digest}`, noTimeout);
    expect(`sha256:${await sha256Of(pull.body ?? repeated(piece, 0))}`).toBe(digest);
    const afterPull = registry.peakMemoryBytes();
    process.stdout.write(`registry memory: ${mega(afterPush)} MB after the push, ${mega(afterPull)} after the pull\n`);
    expect(Math.max(afterPush, afterPull)).toBeLessThan(limitBytes);
  } finally {
    await registry.end("SIGTERM");
  }
}

/** Bun's own: its `fetch` otherwise gives up after five minutes. */
const noTimeout = { timeout: false } as RequestInit;

async function sha256Of(stream: ReadableStream<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest("hex");
}

function repeated(piece: Uint8Array, sizeBytes: number): ReadableStream<Uint8Array> {
  let left = sizeBytes;
  return new ReadableStream({
    pull(controller) {
      const part = piece.slice(0, Math.min(piece.length, left));
      left -= part.length;
      if (part.length > 0) controller.enqueue(part);
      if (left === 0) controller.close();
    },
  });
}

function mega(bytes: number): number {
  return Math.round(bytes / 1_000_000);
}
