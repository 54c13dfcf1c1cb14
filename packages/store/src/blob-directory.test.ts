import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlobDirectory } from "./blob-directory.ts";
import { syncInBackground } from "./files.ts";
import { digestOf } from "./hash.ts";
import { currentProcess } from "./process-lock.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-blob-directory-"));
afterAll(() => rmSync(scratch, { recursive: true }));

test("a blob directory is rid of what dead processes held, and of nothing that lives or can be continued", () => {
  const blobs = new BlobDirectory(scratch);
  blobs.recover();
  expect(existsSync(join(scratch, "ingest"))).toBe(false);
  const dead = Bun.spawnSync(["true"]).pid;
  const [mine, other] = ["a", "b"].map((digit) => `sha256-${digit.repeat(64)}`);
  const left: Readonly<Record<string, string>> = {
    [`${other}.lock`]: JSON.stringify({ pid: dead, started: "" }),
    [`${other}.lock.${dead}.x1`]: "",
    [`${other}.lock.stale.${dead}.x2`]: "",
    [`new-${dead}-x3`]: "half",
  };
  const kept: Readonly<Record<string, string>> = {
    [`${mine}`]: "half",
    [`${other}`]: "half",
    [`${mine}.lock`]: JSON.stringify(currentProcess()),
    [`${mine}.lock.${process.pid}.y1`]: "",
    [`new-${process.pid}-y2`]: "half",
  };
  mkdirSync(join(scratch, "ingest"));
  for (const [name, text] of Object.entries({ ...left, ...kept })) writeFileSync(join(scratch, "ingest", name), text);
  blobs.recover();
  expect(readdirSync(join(scratch, "ingest")).toSorted()).toEqual(Object.keys(kept).toSorted());
});

test("what fails when the disk is set to work early fails the blob, though the last sync finds nothing wrong", async () => {
  const root = mkdtempSync(join(scratch, "early-"));
  const blobs = new BlobDirectory(root);
  const bytes = new Uint8Array(64 * 1024 * 1024);
  const content = { mediaType: "application/octet-stream", digest: digestOf(bytes), sizeBytes: bytes.length };
  const ingest = await blobs.ingest(content);
  if (ingest === undefined) throw new Error("it is here already");
  // A file that is not in its place cannot be synced there.
  const path = join(root, "ingest", content.digest.replace(":", "-"));
  renameSync(path, `${path}.away`);
  await ingest.write(bytes);
  await syncInBackground(root);
  renameSync(`${path}.away`, path);
  await expect(ingest.commit()).rejects.toMatchObject({ code: "store/io" });
  expect(blobs.stat(content.digest)).toBeUndefined();
});
