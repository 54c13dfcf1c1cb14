import { describe, expect, test } from "bun:test";
import { parseManifest } from "@cpm/model";
import { digestOf } from "@cpm/store";
import { installCommand, packagePage } from "./page.ts";
import type { PackageView } from "./view.ts";

const nowMs = Date.parse("2026-03-01T00:00:00Z");
const digest = digestOf(new Uint8Array());

function viewOf(fields = "", more: Partial<PackageView> = {}): PackageView {
  const text = `apiVersion: cpm/v1\nname: rise/wordcount\nversion: 1.2.0\ndescription: Counts <words>.\n${fields}`;
  return {
    visitor: { host: "packages.example", path: "/packages/rise/wordcount", name: undefined, maySignIn: true },
    manifest: parseManifest({ path: "colony.yaml", text }),
    digest,
    sizeBytes: 1500,
    publishedAt: Date.parse("2026-02-26T00:00:00Z"),
    pinned: false,
    newest: "1.2.0",
    platforms: [{ digest, sizeBytes: 1500 }],
    versions: [{ version: "1.2.0", publishedAt: nowMs, sizeBytes: 1500 }],
    downloads: { total: 1, last90Days: 0 },
    owners: [],
    private: false,
    nowMs,
    ...more,
  };
}

const render = (view: PackageView): string => String(packagePage(view)).replace(/\s+/g, " ");

const textOf = (page: string): string => page.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");

describe("the page of a package", () => {
  test("says how to install it: from this registry, and the version only where the address names one", () => {
    expect(installCommand(viewOf())).toBe("cpm install packages.example/rise/wordcount");
    expect(installCommand(viewOf("", { pinned: true }))).toBe("cpm install packages.example/rise/wordcount@1.2.0");
    expect(render(viewOf())).toContain("Counts &lt;words&gt;.");
  });

  test("shows the exact time beside the age", () => {
    expect(render(viewOf())).toMatch(
      /<time datetime="2026-02-26T00:00:00.000Z" title="2026-02-26 00:00 UTC"\s*>3 days ago<\/time\s*>/,
    );
  });

  test("says why a version was yanked and a package deprecated, the gravest first", () => {
    const yanked = { reason: "Loses <data>.", by: "<olga>", at: nowMs - 86_400_000 };
    const deprecated = { message: "Use another.", successor: "rise/other" };
    const page = render(viewOf("", { yanked, deprecated, newest: "1.1.0" }));
    const said = [
      "was yanked",
      "by <bdi>&lt;olga&gt;",
      "Loses &lt;data&gt;.",
      "Use another.",
      ">rise/other<",
      "1.1.0</a>",
    ];
    const places = said.map((text) => page.indexOf(text));
    expect(places).toEqual([...places].sort((left, right) => left - right));
    expect(places[0]).toBeGreaterThan(0);
    expect(render(viewOf())).not.toContain('role="note"');
  });

  test("marks yanked versions in the list, and folds all but ten", () => {
    const versions = Array.from({ length: 12 }, (_, index) => ({
      version: `1.${index}.0`,
      publishedAt: nowMs,
      sizeBytes: 1,
      ...(index === 3 ? { yanked: { reason: "Slow.", by: "olga", at: nowMs } } : {}),
    }));
    const page = render(viewOf("", { versions }));
    expect(page.match(/>yanked</g)).toHaveLength(1);
    expect(page).toContain("<summary>2 more versions</summary>");
    expect(page).toMatch(/href="\/packages\/rise\/wordcount\/1\.2\.0" aria-current="true"/);
  });

  test("describes inputs: type, default, what they must keep to, and which are required or secret", () => {
    const inputs = `inputs:
  - {key: big, type: int, default: 9007199254740993, min: 1}
  - {key: share, type: number, default: 0.5, min: 0, max: 1}
  - {key: path, type: string, pattern: "^<a>$", minLength: 3, maxLength: 3}
  - {key: flag, type: bool, default: false}
  - {key: token, type: secret}
  - {key: mode, type: select, options: [a, b]}
  - {key: list, type: list, default: [1], maxItems: 8}
  - {key: empty, type: string, default: ""}
`;
    const page = textOf(render(viewOf(inputs)));
    for (const text of [
      "big int 9007199254740993 at least 1",
      "share number 0.5 0 to 1",
      "path required string none exactly 3 characters matches ^&lt;a&gt;$",
      "flag bool false",
      "token required secret none never shown, logged or recorded",
      "mode required select none one of a , b",
      "list list [1] at most 8 items",
      "empty string empty text",
    ])
      expect(page).toContain(text);
  });

  test("lists executors, versions of ColonyOS, and platforms with their digests", () => {
    const requires = 'requires: {colonyos: ">=1.9.12", executors: [{type: gpu, arch: [amd64, arm64]}]}\n';
    const platforms = [
      { platform: "linux/amd64", digest, sizeBytes: 1_200_000 },
      { platform: "linux/arm64", digest, sizeBytes: 900 },
    ];
    const page = render(viewOf(requires, { platforms }));
    for (const text of [
      "<code>gpu</code> on amd64 or arm64",
      "&gt;=1.9.12",
      "linux/amd64",
      "1.2 MB",
      "Copy the digest for linux/arm64",
    ])
      expect(page).toContain(text);
  });

  test("says what executors need beside their type, what must be installed, and what may not be", () => {
    const requires = `multiInstance: true
requires:
  executors:
    - {type: gpu, memory: 16Gi, gpu: {name: nvidia_a100, count: 2, memory: 40Gi}}
    - {type: any, gpu: {count: 1}}
  releases: {rise/db: ">=2"}
  absent: {rise/old: "*"}
`;
    const page = textOf(render(viewOf(requires)));
    for (const text of [
      "gpu with 2 GPUs nvidia_a100 of 40Gi each and 16Gi of memory",
      "any with 1 GPU",
      "Installed before rise/db &gt;=2",
      "Not beside it rise/old *",
      "Instances several in one release",
    ])
      expect(page).toContain(text);
  });

  test("shows under which condition and with which inputs something else is needed, once for each instance", () => {
    const needs = `inputs: [{key: gpu, type: bool, default: false}]
dependencies:
  rise/cuda: {version: ^1, when: "\${inputs.gpu}"}
  rise/words: [{version: ^2, alias: english, with: {lang: en}}, {version: ^2, alias: swedish, with: {lang: "<sv>"}}]
`;
    const page = textOf(render(viewOf(needs)));
    for (const text of [
      "rise/cuda ^1 when ${inputs.gpu}",
      "rise/words ^2 as english with lang = &quot;en&quot;",
      "rise/words ^2 as swedish with lang = &quot;&lt;sv&gt;&quot;",
    ])
      expect(page).toContain(text);
  });

  test("names the owners of its namespace, where there are some", () => {
    expect(textOf(render(viewOf("", { owners: ["ada", "<bob>"] })))).toContain(
      "Owners of the namespace ada &lt;bob&gt;",
    );
    expect(render(viewOf())).not.toContain("Owners");
  });

  test("links to no repository but by https", () => {
    expect(render(viewOf("repository: https://example.org/a\n"))).toContain('<a href="https://example.org/a"');
    expect(render(viewOf("repository: http://example.org/a\n"))).not.toContain('href="http://example.org/a"');
    expect(render(viewOf('repository: "https://user:word@example.org/a"\n'))).not.toContain('href="https://user');
  });
});
