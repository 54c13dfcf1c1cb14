import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlobDirectory } from "@cpm/store";
import { DirectoryObjects } from "./directory-objects.ts";
import { testObjectStorage } from "./object-storage.contract.ts";

testObjectStorage("a directory", async () => {
  const root = mkdtempSync(join(tmpdir(), "cpm-objects-"));
  return {
    open: () => new DirectoryObjects(new BlobDirectory(root)),
    kept: async (place) => new Uint8Array(readFileSync(join(root, place))),
    stop: () => rmSync(root, { recursive: true, force: true }),
  };
});
