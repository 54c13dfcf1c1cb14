import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRegistryProcess } from "./registry-process.ts";
import { someBytes } from "./testing.ts";

const limitBytes = 200_000_000;

/** A blob of any size is pushed and pulled as a stream: nothing of it stays in the server. Linux only, for /proc. */
export function testLargeBlob(sizeBytes: number, timeoutMs: number): void {
  test.skipIf(process.platform !== "linux")(
    `a blob of ${sizeBytes / 1e9} GB is pushed and pulled in less than ${limitBytes / 1e6} MB of memory`,
    async () => {
      const data = mkdtempSync(join(tmpdir(), "cpm-large-"));
      const registry = await startRegistryProcess(data);
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
        process.stdout.write(
          `registry memory: ${mega(afterPush)} MB after the push, ${mega(afterPull)} after the pull\n`,
        );
        expect(Math.max(afterPush, afterPull)).toBeLessThan(limitBytes);
      } finally {
        await registry.end("SIGTERM");
        rmSync(data, { recursive: true, force: true });
      }
    },
    timeoutMs,
  );
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
