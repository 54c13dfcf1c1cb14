import { expect, test } from "bun:test";
import { openRegistryUnderTest } from "../testing/index.ts";
import { sqliteUnderTest } from "../testing/database-under-test.ts";
import { testJobs } from "./jobs.contract.ts";

const hourMs = 60 * 60_000;

testJobs(sqliteUnderTest);

test("a registry ends uploads of which nothing was heard, as a job", async () => {
  let now = 1_767_000_000_000;
  const registry = await openRegistryUnderTest({ now: () => now, limits: { uploadExpiryMs: hourMs } });
  const location = (await registry.call("POST", "/v2/a/b/blobs/uploads/")).headers.get("location") ?? "";
  now += hourMs;
  await registry.runJob("expire-uploads");
  expect((await registry.call("GET", location)).status).toBe(204);
  now += 1;
  await registry.runJob("expire-uploads");
  expect((await registry.call("GET", location)).status).toBe(404);
  expect(await (await registry.call("GET", "/metrics")).text()).toContain(
    'cpm_registry_job_runs_total{job="expire-uploads"} 2',
  );
  await registry.dispose();
});
