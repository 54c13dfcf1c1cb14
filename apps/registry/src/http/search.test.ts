import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { openRegistryUnderTest, packageArtifact } from "../testing/index.ts";
import type { PackageSourceFiles } from "../testing/index.ts";

const found = await openRegistryUnderTest();
afterAll(() => found.dispose());

describe("search", () => {
  const packages: readonly PackageSourceFiles[] = [
    {
      name: "rise/wordcount",
      version: "1.0.0",
      description: "Count words in text files.",
      keywords: ["text", "map-reduce"],
    },
    {
      name: "rise/wordcount-extra",
      version: "1.0.0",
      description: "wordcount wordcount wordcount",
      keywords: ["wordcount"],
    },
    {
      name: "other/text-tools",
      version: "2.1.0",
      description: "Processing of texts.",
      readme: "Tokenizes prose. Größe.",
    },
    { name: "lab/simulation", version: "0.1.0", description: "A finite element solver." },
  ];

  test("finds by exact name, part of a name, keyword, description and readme", async () => {
    for (const entry of packages) await publish(entry);
    expect(await names("rise/wordcount")).toEqual(["rise/wordcount", "rise/wordcount-extra"]);
    expect(await names("Rise/WordCount ")).toEqual(["rise/wordcount", "rise/wordcount-extra"]);
    expect((await names("wordcount"))[0]).toBe("rise/wordcount");
    expect(await names("map-reduce")).toEqual(["rise/wordcount"]);
    expect(await names("finite element")).toEqual(["lab/simulation"]);
    expect(await names("tokenizes")).toEqual(["other/text-tools"]);
    expect(await names("große")).toEqual(["other/text-tools"]);
    expect(await names("größe finite")).toEqual([]);
    expect(await names("")).toEqual(["lab/simulation", "other/text-tools", "rise/wordcount", "rise/wordcount-extra"]);
    expect(await names("nothing like this")).toEqual([]);
  });

  test("finds while one types, and other forms of a word", async () => {
    for (const word of ["wordcount", "processing", "simulation"]) {
      for (let length = 1; length <= word.length; length++) {
        expect((await names(word.slice(0, length))).length).toBeGreaterThan(0);
      }
    }
    expect(await names("counting word")).toContain("rise/wordcount");
    expect(await names("solvers")).toEqual(["lab/simulation"]);
  });

  test("answers pages with the newest version", async () => {
    const page = await (await found.call("GET", "/api/v1/search?q=text&limit=1&offset=1")).json();
    expect(page.total).toBe(2);
    expect(page.results).toHaveLength(1);
    const all = await (await found.call("GET", "/api/v1/search?limit=1000000")).json();
    expect(all.results.map((entry: { version: string }) => entry.version)).toEqual([
      "0.1.0",
      "2.1.0",
      "1.0.0",
      "1.0.0",
    ]);
  });

  test.each([
    ["limit=-1", 'limit is "-1", which is not a count'],
    ["limit=x", 'limit is "x", which is not a count'],
    ["offset=1e3", 'offset is "1e3", which is not a count'],
    ["keywrod=text", "there is no parameter keywrod; keyword was meant?"],
    ["keyword=Text", 'keyword is "Text", which is not a keyword: lower-case letters, digits and dashes'],
    ["platform=linux", 'platform is "linux", which is not os/architecture, such as linux/amd64'],
    [`executor=${"x".repeat(129)}`, `executor is "${"x".repeat(60)}", which is not an executor type`],
    ["owner=%2e%2e", 'owner is "..", which is not the name of a namespace or a user'],
    [Array.from({ length: 11 }, (_, at) => `keyword=k${at}`).join("&"), "keyword is there 11 times; 10 are taken"],
  ])("refuses %s and says why", async (query, message) => {
    const answer = await found.call("GET", `/api/v1/search?${query}`);
    expect(answer.status).toBe(400);
    const [error] = (await answer.json()).errors;
    expect(error.message).toStartWith(message);
    expect(error.detail.code).toBe("registry-server/bad-query");
  });

  test("takes whatever is typed", async () => {
    const hostile = [
      '"',
      "'",
      "*",
      "a OR",
      "NEAR(",
      "name:",
      "a AND NOT b",
      "-x",
      "^a",
      "{name}: x",
      "\0",
      "a*b",
      "%",
      "((",
      "--",
      ";DROP TABLE packages",
    ];
    for (const query of hostile) expect((await search(query)).status).toBe(200);
    for (const key of ["keyword", "owner", "executor", "platform"])
      for (const value of hostile)
        expect((await found.call("GET", `/api/v1/search?${new URLSearchParams({ [key]: value })}`)).status).toBeOneOf([
          200, 400,
        ]);
    expect(await names("!!!")).toEqual([]);
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme", maxLength: 300 }), async (query) => {
        expect((await search(query)).status).toBe(200);
      }),
    );
    expect(await names("")).toHaveLength(4);
  });

  const search = (query: string): Promise<Response> =>
    found.call("GET", `/api/v1/search?${new URLSearchParams({ q: query })}`);
  async function names(query: string): Promise<string[]> {
    const body = await (await search(query)).json();
    return body.results.map((entry: { name: string }) => entry.name);
  }

  async function publish(files: PackageSourceFiles): Promise<void> {
    const { manifest, blobs } = await packageArtifact(files);
    for (const bytes of blobs.values()) await found.pushBlob(files.name, bytes);
    const { response } = await found.pushManifest(files.name, manifest, files.version);
    expect(response.status).toBe(201);
  }
});
