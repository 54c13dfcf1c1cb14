import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { goPrograms, installGoProgram, whyNoGo } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";
import { runConformance } from "./conformance-program.ts";
import type { RegistryProcess } from "./registry-process.ts";
import { storageModes } from "./storage-mode.ts";
import type { OpenStorage } from "./storage-mode.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-conformance-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe.each(storageModes)("the official conformance program, of a registry on $name", (storageMode) => {
  const reason = whyNoGo() ?? storageMode.reason;
  if (reason !== undefined) process.stderr.write(`the conformance on ${storageMode.name} is not tested: ${reason}\n`);
  test.skipIf(process.env["CI"] === undefined)("can run", () => expect(reason).toBeUndefined());

  describe.skipIf(reason !== undefined)("with users", () => {
    const password = "correct horse battery";
    let program = "";
    let storage: OpenStorage;
    let registry: RegistryProcess;

    beforeAll(async () => {
      program = await installGoProgram(goPrograms.conformance, defaultCacheDirectory());
      storage = await storageMode.open();
      await storage.command(["user", "add", "root", "--admin", "--no-password"]);
      await storage.command(["user", "add", "tester", "--password-stdin"], `${password}\n`);
      await storage.command(["namespace", "add", "one", "--owner", "tester"]);
      await storage.command(["namespace", "add", "two", "--owner", "tester"]);
      registry = await storage.start({ open: false });
    }, 15 * 60_000);
    afterAll(async () => {
      await registry.end("SIGTERM");
      storage.close();
    });

    /** What the version of the specification has no checks for. */
    const notInStable = ["Blob upload cancel", "Manifest put with tag params", "Tag Param", "Tag Param sha512"];

    test.each([
      ["1.1", { Pass: 860, Disabled: 2, Skip: 0, FAIL: 0, Error: 0, Total: 862 }, [...notInStable, "Sparse Manifests"]],
      ["dev", { Pass: 986, Disabled: 0, Skip: 0, FAIL: 0, Error: 0, Total: 986 }, ["Sparse Manifests"]],
    ] as const)(
      "in mode %s passes every check: %p",
      async (mode, expected, disabled) => {
        const resultsFolder = mkdtempSync(join(scratch, mode));
        const { counts, statuses } = await runConformance(program, {
          host: registry.host,
          mode,
          username: "tester",
          password,
          repositories: [`one/of-${mode}`, `two/of-${mode}`],
          resultsFolder,
        });
        expect(counts).toMatchObject(expected);
        const others = Object.entries(statuses).filter(([, status]) => status !== "Pass");
        expect(Object.fromEntries(others)).toEqual(Object.fromEntries(disabled.map((name) => [name, "Disabled"])));
        process.stdout.write(`conformance ${mode} on ${storageMode.name}: ${JSON.stringify(counts)}\n`);
      },
      120_000,
    );
  });
});
