import { afterAll, describe, expect, test } from "bun:test";
import { encodeUtf8 } from "@cpm/base";
import type { Digest } from "@cpm/base";
import { digestOf } from "@cpm/store";
import type { FetchCount } from "../metadata.ts";
import { emptyConfigBytes, imageOf, openRegistryUnderTest, packageArtifact } from "../testing/index.ts";
import { DownloadCounter } from "./download-counter.ts";

describe("downloads", () => {
  const registry = openRegistryUnderTest();
  afterAll(async () => (await registry).dispose());

  test("are GETs of a version's manifest, by tag or digest, that were answered with it, and survive the end", async () => {
    const first = await registry;
    const { manifest, blobs } = await packageArtifact({ name: "rise/wordcount", version: "1.0.0" });
    for (const bytes of blobs.values()) await first.pushBlob("rise/wordcount", bytes);
    const { descriptor } = await first.pushManifest("rise/wordcount", manifest, "1.0.0", "latest");
    const path = "/v2/rise/wordcount/manifests";
    for (const reference of ["1.0.0", "latest", descriptor.digest]) await first.call("GET", `${path}/${reference}`);
    await first.call("HEAD", `${path}/1.0.0`);
    const headers = { "if-none-match": `"${descriptor.digest}"` };
    expect((await first.call("GET", `${path}/1.0.0`, { headers })).status).toBe(304);
    await first.call("GET", `${path}/2.0.0`);
    await first.pushBlob("rise/wordcount", emptyConfigBytes);
    await first.pushManifest("rise/wordcount", imageOf(), "signature");
    await first.call("GET", `${path}/signature`);
    await first.close();
    const again = await openRegistryUnderTest({ dataDirectory: first.dataDirectory });
    const info = await (await again.call("GET", "/api/v1/packages/rise/wordcount")).json();
    expect(info.downloads).toEqual({ total: 3, last90Days: 3 });
    expect(info.versions[0].downloads).toBe(3);
    const page = await (await again.call("GET", "/packages/rise/wordcount")).text();
    expect(page.replaceAll(/\s+/g, " ")).toContain('3 <span class="quiet">in 90 days, 3 in all</span>');
    const { results } = await (await again.call("GET", "/api/v1/search?q=wordcount")).json();
    expect(results[0].downloads).toEqual({ total: 3, last90Days: 3 });
    await again.dispose();
  });
});

describe("the counter", () => {
  const digest = (text: string): Digest => digestOf(encodeUtf8(text));

  function counterOf(addDownloads: (fetched: readonly FetchCount[]) => Promise<void>) {
    const failures: unknown[] = [];
    const onFailure = (error: unknown): void => void failures.push(error);
    return { failures, counter: new DownloadCounter({ metadata: { addDownloads }, intervalMs: 3_600_000, onFailure }) };
  }

  test("keeps what could not be written, and writes it with what came since", async () => {
    const written: (readonly FetchCount[])[] = [];
    let fails = true;
    const { counter, failures } = counterOf(async (fetched) => {
      if (fails) throw new Error("the database is away");
      written.push(fetched);
    });
    counter.count("a/b", digest("x"));
    await counter.flush();
    expect(failures).toHaveLength(1);
    fails = false;
    counter.count("a/b", digest("x"));
    counter.count("a/c", digest("x"));
    await counter.flush();
    await counter.flush();
    expect(written).toEqual([
      [
        { repository: "a/b", digest: digest("x"), count: 2 },
        { repository: "a/c", digest: digest("x"), count: 1 },
      ],
    ]);
  });

  test("writes in portions, and has a bound on what it keeps", async () => {
    const portions: number[] = [];
    const { counter } = counterOf(async (fetched) => void portions.push(fetched.length));
    for (let index = 0; index < 10_100; index++) counter.count(`a/r${index}`, digest("x"));
    await counter.flush();
    expect(Math.max(...portions)).toBe(500);
    expect(portions.reduce((sum, length) => sum + length, 0)).toBe(10_000);
  });
});
