import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Identity } from "@cpm/colonies";
import { openExecutorKey } from "./executor-key.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "cpm-key-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a key is made once, for its user only, and stays", () => {
  const path = join(folder, "new", "executor.key");
  const made = openExecutorKey(path);
  const text = readFileSync(path, "utf8");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(openExecutorKey(path).id).toBe(made.id);
  expect(readFileSync(path, "utf8")).toBe(text);
  expect(readdirSync(join(folder, "new"))).toEqual(["executor.key"]);
});

test.each([0o640, 0o604, 0o620, 0o602])("a key with mode %o is refused and left alone", (mode) => {
  const path = join(folder, "executor.key");
  const text = Identity.generate().exportPrivateKey();
  writeFileSync(path, text);
  chmodSync(path, mode);
  expect(() => openExecutorKey(path)).toThrow(expect.objectContaining({ code: "agent/key-exposed" }));
  expect(readFileSync(path, "utf8")).toBe(text);
});

test("what is no key is refused and left alone", () => {
  const path = join(folder, "executor.key");
  writeFileSync(path, "not a key", { mode: 0o600 });
  expect(() => openExecutorKey(path)).toThrow(expect.objectContaining({ code: "colonies/invalid-key" }));
  expect(readFileSync(path, "utf8")).toBe("not a key");
});

test("a directory is no key", () => {
  expect(() => openExecutorKey(folder)).toThrow(expect.objectContaining({ code: "agent/key-exposed" }));
});

test("agents that start at once make one key", async () => {
  const path = join(folder, "executor.key");
  const program = `import { openExecutorKey } from ${JSON.stringify(join(import.meta.dir, "executor-key.ts"))};
    console.log(openExecutorKey(${JSON.stringify(path)}).id);`;
  const ids = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe" });
      return (await new Response(child.stdout).text()).trim();
    }),
  );
  expect(new Set(ids)).toEqual(new Set([openExecutorKey(path).id]));
});
