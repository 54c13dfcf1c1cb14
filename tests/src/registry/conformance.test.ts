import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { goPrograms, installGoProgram, whyNoGo } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";
import { cpmRegistry } from "./command.ts";
import { runConformance } from "./conformance-program.ts";
import { startRegistryProcess } from "./registry-process.ts";
import type { RegistryProcess } from "./registry-process.ts";

const reason = whyNoGo();
const scratch = mkdtempSync(join(tmpdir(), "cpm-conformance-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

if (reason !== undefined && process.env["CI"] !== undefined) {
  test("the conformance program can run in CI", () => {
    throw new Error(reason);
  });
} else if (reason !== undefined) {
  process.stderr.write(`the conformance of the registry is not tested: ${reason}\n`);
}

describe.skipIf(reason !== undefined)(
  `the official conformance program${reason === undefined ? "" : `: ${reason}`}`,
  () => {
    const password = "correct horse battery";
    const data = join(scratch, "data");
    let program = "";
    let registry: RegistryProcess | undefined;

    beforeAll(async () => {
      program = await installGoProgram(goPrograms.conformance, defaultCacheDirectory());
      const run = async (...args: string[]) => {
        const { exitCode, stderr } = await cpmRegistry([...args, "--data", data], `${password}\n`);
        expect([exitCode, stderr]).toEqual([0, ""]);
      };
      await run("user", "add", "root", "--admin", "--no-password");
      await run("user", "add", "tester", "--password-stdin");
      await run("namespace", "add", "one", "--owner", "tester");
      await run("namespace", "add", "two", "--owner", "tester");
      registry = await startRegistryProcess(data, { open: false });
    }, 15 * 60_000);
    afterAll(() => registry?.end("SIGTERM"));

    /** What the version of the specification has no checks for. */
    const notInStable = ["Blob upload cancel", "Manifest put with tag params", "Tag Param", "Tag Param sha512"];

    test.each([
      ["1.1", { Pass: 860, Disabled: 2, Skip: 0, FAIL: 0, Error: 0, Total: 862 }, [...notInStable, "Sparse Manifests"]],
      ["dev", { Pass: 986, Disabled: 0, Skip: 0, FAIL: 0, Error: 0, Total: 986 }, ["Sparse Manifests"]],
    ] as const)(
      "in mode %s passes every check, with users: %p",
      async (mode, expected, disabled) => {
        const resultsFolder = join(scratch, mode);
        mkdirSync(resultsFolder);
        const { counts, statuses } = await runConformance(program, {
          host: registry?.host ?? "",
          mode,
          username: "tester",
          password,
          repositories: [`one/of-${mode}`, `two/of-${mode}`],
          resultsFolder,
        });
        expect(counts).toMatchObject(expected);
        const others = Object.entries(statuses).filter(([, status]) => status !== "Pass");
        expect(Object.fromEntries(others)).toEqual(Object.fromEntries(disabled.map((name) => [name, "Disabled"])));
        process.stdout.write(`conformance ${mode}: ${JSON.stringify(counts)}\n`);
      },
      120_000,
    );
  },
);
