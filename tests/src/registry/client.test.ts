import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveRegistry } from "@cpm/registry";
import { anonymous, createRegistryClient } from "@cpm/registry-client";
import { describeStore } from "@cpm/store/testing";

const scratch = mkdtempSync(join(tmpdir(), "cpm-registry-"));
const registry = serveRegistry({ dataDirectory: scratch, hostname: "127.0.0.1", port: 0 });
afterAll(async () => {
  await registry.stop();
  rmSync(scratch, { recursive: true, force: true });
});
let count = 0;

describeStore("a repository of our registry", async () => {
  const name = `test/repository-${count++}`;
  const client = createRegistryClient({ registry: registry.host, credentials: anonymous, userAgent: "cpm-test" });
  return { store: client.repository(name), again: async () => client.repository(name), dispose: async () => {} };
});

describe("the registry", () => {
  test("is alive", async () => {
    expect((await fetch(`${registry.endpoint}/readyz`)).status).toBe(200);
  });
});
