import { expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import type { Digest } from "@cpm/base";
import fc from "fast-check";
import type { Lockfile } from "./lockfile.ts";
import { formatLockfile, parseLockfile } from "./lockfile.ts";
import { parsePackageName } from "./package-name.ts";
import { parseRange } from "./range.ts";
import { parseVersion } from "./version.ts";

const read = (text: string) => parseLockfile({ path: "cpm.lock", text });
const digestOf = (letter: string): Digest => `sha256:${letter.repeat(64)}` as Digest;

const example: Lockfile = {
  lockfileVersion: "1",
  requirements: { "rise/pipeline": [{ version: parseRange("^2") }] },
  packages: [
    {
      registry: "registry.example.org",
      name: parsePackageName("rise/pipeline"),
      version: parseVersion("2.1.0"),
      digest: digestOf("a"),
      publishedAt: "2026-03-01T10:00:00.000Z",
      variants: [{ digest: digestOf("a"), tree: digestOf("b"), layers: [{ digest: digestOf("c"), sizeBytes: 12 }] }],
      dependencies: { "rise/text-tools": [{ version: parseRange(">=1.2 <3") }] },
      evidence: [],
    },
  ],
};

test("a lockfile has one text, a value to a line", () => {
  expect(formatLockfile(example)).toBe(`{
  "lockfileVersion": "1",
  "requirements": {
    "rise/pipeline": "^2"
  },
  "packages": {
    "registry.example.org/rise/pipeline": {
      "version": "2.1.0",
      "digest": "${digestOf("a")}",
      "publishedAt": "2026-03-01T10:00:00.000Z",
      "variants": [
        {
          "digest": "${digestOf("a")}",
          "tree": "${digestOf("b")}",
          "layers": [
            {
              "digest": "${digestOf("c")}",
              "sizeBytes": 12
            }
          ]
        }
      ],
      "dependencies": {
        "rise/text-tools": ">=1.2 <3"
      }
    }
  }
}
`);
});

test("format and parse are inverse, and the order of packages does not matter", () => {
  const name = fc
    .tuple(fc.stringMatching(/^[a-z]{1,6}$/), fc.stringMatching(/^[a-z]{1,6}$/))
    .map(([namespace, base]) => parsePackageName(`${namespace}/${base}`));
  const hex = fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map((bytes) => `sha256:${Buffer.from(bytes).toString("hex")}` as Digest);
  const version = fc.constantFrom("^1.0.0", "~2.3", ">=1 <4", "1.x").map(parseRange);
  const need = fc.record(
    { version, alias: fc.constantFrom("english", "swedish"), when: fc.constant("${inputs.gpu}") },
    { requiredKeys: ["version"] },
  );
  const ranges = fc.dictionary(name.map(String), fc.array(need, { minLength: 1, maxLength: 3 }), { maxKeys: 3 });
  const locked = fc.record({
    registry: fc.constantFrom("a.example.org", "localhost:5000", "[::1]:443"),
    name,
    version: fc.constantFrom("1.0.0", "2.0.0-rc.1", "3.1.4+build.5").map(parseVersion),
    digest: hex,
    variants: fc.array(
      fc.record({
        digest: hex,
        tree: hex,
        layers: fc.array(fc.record({ digest: hex, sizeBytes: fc.nat() }), { minLength: 1, maxLength: 3 }),
      }),
      { minLength: 1, maxLength: 2 },
    ),
    dependencies: ranges,
    evidence: fc.array(hex, { maxLength: 2 }),
  });
  const lockfile = fc.record({
    lockfileVersion: fc.constant("1" as const),
    requirements: ranges,
    packages: fc.uniqueArray(locked, { selector: (entry) => `${entry.registry}/${entry.name}`, maxLength: 6 }),
  });
  fc.assert(
    fc.property(lockfile, (value) => {
      const text = formatLockfile(value);
      expect(formatLockfile(read(text))).toBe(text);
      expect(formatLockfile({ ...value, packages: value.packages.toReversed() })).toBe(text);
    }),
    { numRuns: 300 },
  );
});

test.each([
  ["", "is empty"],
  ["{}", "lockfileVersion"],
  [formatLockfile(example).replace('"1"', '"9"'), '"9"'],
  [formatLockfile(example).replace('rise/pipeline": {', 'pipeline": {'), "registry/namespace/name"],
  [formatLockfile(example).replace(digestOf("c"), "sha256:short"), "is not a sha256 digest"],
  [formatLockfile(example).replace('"version"', '"verison"'), 'unknown key "verison"'],
])("what is not a lockfile is refused with its line: %#", (text, expected) => {
  try {
    read(text);
  } catch (error) {
    if (!isCpmError(error, "lock/invalid")) throw error;
    expect((error.diagnostics ?? []).map((fault) => fault.message).join("\n")).toContain(expected);
    return;
  }
  throw new Error("it was accepted");
});

test("a lockfile of thousands of packages is read again", () => {
  const [entry] = example.packages;
  if (entry === undefined) throw new Error("the example has one");
  const packages = Array.from({ length: 3000 }, (_, index) => ({ ...entry, name: parsePackageName(`rise/p${index}`) }));
  const text = formatLockfile({ ...example, packages });
  expect(text.length).toBeGreaterThan(1024 * 1024);
  expect(read(text).packages).toHaveLength(3000);
});

test("a lockfile that a person wrote in YAML is the same, and a fault in one of a program is told with its place", () => {
  const text = formatLockfile(example);
  expect(read(`# by hand\n${text}`)).toEqual(read(text));
  const wrong = text.replace('"sizeBytes": 12', '"sizeBytes": -1');
  const told = {
    code: "lock/invalid",
    diagnostics: [expect.objectContaining({ location: expect.objectContaining({ line: 18 }) })],
  };
  expect(() => read(wrong)).toThrow(expect.objectContaining(told));
});
