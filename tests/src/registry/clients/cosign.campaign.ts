import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Digest } from "@cpm/base";
import { goPrograms, installGoProgram } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";
import { formatManifest } from "@cpm/oci";
import type { Repository } from "@cpm/registry-client";
import { packageArtifact } from "@cpm/registry/testing";
import { digestOf } from "@cpm/store";
import { put } from "@cpm/store/testing";
import { cpmRegistry } from "../command.ts";
import { startRegistryProcess } from "../registry-process.ts";
import type { RegistryProcess } from "../registry-process.ts";
import { clientOf } from "../testing.ts";
import { ToolHome } from "./registry-tool.ts";

const password = "correct horse battery";
const data = mkdtempSync(join(tmpdir(), "cpm-cosign-"));
const homes: ToolHome[] = [];
let executable = "";
let registry: RegistryProcess;
let count = 0;

beforeAll(async () => {
  executable = await installGoProgram(goPrograms.cosign, defaultCacheDirectory());
  for (const args of [
    ["user", "add", "root", "--admin", "--no-password"],
    ["user", "add", "nina", "--password-stdin"],
    ["user", "add", "otto", "--password-stdin"],
    ["namespace", "add", "hidden", "--private", "--owner", "nina"],
    ["namespace", "member", "hidden", "otto", "member"],
  ])
    expect((await cpmRegistry([...args, "--data", data], `${password}\n`)).exitCode).toBe(0);
  registry = await startRegistryProcess(data, { open: false });
}, 20 * 60_000);
afterAll(async () => {
  for (const home of homes) home.close();
  await registry.end("SIGTERM");
  rmSync(data, { recursive: true, force: true });
});

// Without a transparency log and without keys fetched from elsewhere: nothing but the registry is asked.
const signing = ["sign", "--key", "cosign.key", "--yes", "--allow-http-registry", "--use-signing-config=false"];
const verifying = ["verify", "--key", "cosign.pub", "--allow-http-registry", "--insecure-ignore-tlog=true"];

describe("cosign, on a package that cpm pushed to a private namespace", () => {
  test.each([
    ["as a referrer", "--new-bundle-format=true"],
    ["under a tag", "--new-bundle-format=false"],
  ])(
    "signs it %s with a key, and verifies it",
    async (where, format) => {
      const { reference, digest, repository } = await publish();
      const nina = await signedIn("nina");
      expect((await nina.run(["generate-key-pair"])).exitCode).toBe(0);
      const signed = await nina.run([...signing, "--tlog-upload=false", format, reference]);
      expect([signed.exitCode, signed.output]).toEqual([0, expect.any(String)]);
      const referrers = await repository.referrers(digest);
      expect(referrers).toHaveLength(where === "as a referrer" ? 1 : 0);
      const verified = await nina.run([...verifying, format, reference]);
      expect([verified.exitCode, verified.output]).toEqual([0, expect.stringContaining(digest)]);

      const other = await signedIn("nina");
      expect((await other.run(["generate-key-pair"])).exitCode).toBe(0);
      expect((await other.run([...verifying, format, reference])).exitCode).not.toBe(0);
      const { reference: unsigned } = await publish();
      expect((await nina.run([...verifying, format, unsigned])).exitCode).not.toBe(0);
    },
    120_000,
  );

  test("signs nothing for whoever may only pull, and shows nothing to whoever may not", async () => {
    const { reference } = await publish();
    const made = await cpmRegistry(["token", "create", "otto", "--scope", "read", "--data", data]);
    const reader = await signedIn("otto", made.stdout.trim());
    expect((await reader.run(["generate-key-pair"])).exitCode).toBe(0);
    const refused = await reader.run([...signing, "--tlog-upload=false", reference]);
    expect([refused.exitCode === 0, refused.output]).toEqual([
      false,
      expect.stringMatching(/denied|UNAUTHORIZED|401/i),
    ]);
    const nobody = newHome();
    const wrong = await signedIn("nina", "wrong");
    for (const home of [nobody, wrong]) {
      const run = await home.run(["tree", "--allow-http-registry", reference]);
      expect([run.exitCode === 0, run.output]).toEqual([false, expect.stringMatching(/UNAUTHORIZED|401|denied/i)]);
    }
  }, 120_000);
});

async function publish(): Promise<{ reference: string; digest: Digest; repository: Repository }> {
  const name = `hidden/package-${++count}`;
  const { manifest, blobs } = await packageArtifact({ name, version: "1.0.0" });
  const credentials = { get: async () => ({ kind: "password" as const, username: "nina", password }) };
  const repository = clientOf(registry.host, { credentials }).repository(name);
  for (const bytes of blobs.values()) await put(repository, bytes);
  const bytes = formatManifest(manifest);
  const digest = digestOf(bytes);
  await repository.putManifest({ mediaType: manifest.mediaType, digest, sizeBytes: bytes.length }, bytes, ["1.0.0"]);
  return { reference: `${registry.host}/${name}@${digest}`, digest, repository };
}

function newHome(): ToolHome {
  const home = new ToolHome(executable, { COSIGN_PASSWORD: "" });
  homes.push(home);
  return home;
}

async function signedIn(username: string, secret = password): Promise<ToolHome> {
  const home = newHome();
  const { exitCode, output } = await home.run(["login", registry.host, "-u", username, "-p", secret]);
  expect([exitCode, output]).toEqual([0, expect.any(String)]);
  return home;
}
