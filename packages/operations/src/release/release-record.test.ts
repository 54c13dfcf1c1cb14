import { describe, expect, test } from "bun:test";
import { parseDigest } from "@cpm/base";
import type { JsonObject } from "@cpm/base";
import type { Blueprint } from "@cpm/colonies";
import type { ReleaseName } from "@cpm/model";
import { resourceKinds } from "@cpm/template";
import fc from "fast-check";
import { faultOf } from "../testing/packages.ts";
import { formatRecord, formatStatus, readRevision, releasePhases, revisionName } from "./release-record.ts";
import type { RecordedPackage, RecordedResource, RevisionRecord, RevisionStatus } from "./release-record.ts";

function blueprint(name: string, spec: JsonObject, status: JsonObject): Blueprint {
  const times = { createdAt: new Date(0), updatedAt: undefined };
  return {
    id: "x",
    kind: "CpmRelease",
    name,
    colonyName: "dev",
    labels: {},
    generation: 1,
    ...times,
    spec,
    status,
    metadata: {},
  };
}

const text = fc.string({ maxLength: 20 });
const digest = fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => parseDigest(`sha256:${hex}`));
const kind = fc.constantFrom(...resourceKinds);
const maybe = <K extends string, T>(key: K, value: fc.Arbitrary<T>): fc.Arbitrary<{ [P in K]?: T }> =>
  fc
    .option(value, { nil: undefined })
    .map((found) => (found === undefined ? {} : { [key]: found }) as { [P in K]?: T });
const inputs = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.jsonValue()) as fc.Arbitrary<JsonObject>;

const ranges = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), text);

const record: fc.Arbitrary<RevisionRecord> = fc
  .tuple(
    fc.stringMatching(/^[a-z0-9]{1,12}(-[a-z0-9]{1,12}){0,2}$/),
    fc.integer({ min: 1, max: 1e9 }),
    fc.array(
      fc.tuple(
        fc.record({ name: text, version: text, digest, inputs }),
        maybe("registry", text),
        maybe("instance", text),
        maybe("requires", fc.record({ releases: ranges, absent: ranges })),
      ),
      { maxLength: 4 },
    ),
    fc.array(
      fc.tuple(fc.record({ package: text, kind, name: text, digest }), maybe("object", text), maybe("instance", text)),
      { maxLength: 4 },
    ),
    fc.record({ id: text, user: text, host: text, startedAt: text }),
    maybe("recovers", fc.integer({ min: 1, max: 1e9 })),
    maybe("placement", fc.record({ nodes: fc.array(text), packages: fc.array(text) })),
  )
  .map(([release, revision, packages, resources, client, recovers, placement]) => ({
    release: release as ReleaseName,
    revision,
    packages: packages.map(([entry, ...more]) => Object.assign({}, entry, ...more) as RecordedPackage),
    resources: resources.map(([entry, ...more]) => Object.assign({}, entry, ...more) as RecordedResource),
    client,
    ...recovers,
    ...placement,
  }));

const status: fc.Arbitrary<RevisionStatus> = fc
  .tuple(
    fc.record({ phase: fc.constantFrom(...releasePhases), updatedAt: text, beat: fc.nat() }),
    maybe("message", text),
    maybe("tookOver", fc.constant(true)),
    fc.array(
      fc.tuple(
        fc.record({ kind, name: text, id: text }),
        maybe("processes", fc.dictionary(fc.stringMatching(/^[a-z]{0,5}$/), text, { minKeys: 1, maxKeys: 3 })),
      ),
      { maxLength: 4 },
    ),
  )
  .map(([base, message, tookOver, created]) => ({
    ...base,
    ...message,
    ...tookOver,
    created: created.map(([entry, more]) => ({ ...entry, ...more })),
  }));

describe("a release record", () => {
  test("is read again as it was written", () => {
    fc.assert(
      fc.property(record, status, (written, present) => {
        const name = revisionName(written.release, written.revision);
        // As the server gives it back: plain JSON.
        const kept = JSON.parse(JSON.stringify([formatRecord(written), formatStatus(present)])) as [
          JsonObject,
          JsonObject,
        ];
        const read = readRevision(blueprint(name, ...kept));
        expect(JSON.parse(JSON.stringify(read))).toEqual(
          JSON.parse(JSON.stringify({ record: written, status: present })),
        );
      }),
    );
  });

  test("keeps a whole number that a float cannot hold as text", () => {
    const held = {
      release: "a" as ReleaseName,
      revision: 1,
      resources: [],
      client: { id: "", user: "", host: "", startedAt: "" },
    };
    const entry = {
      name: "a/b",
      version: "1.0.0",
      digest: parseDigest(`sha256:${"0".repeat(64)}`),
      inputs: { n: 2n ** 60n },
    };
    expect(formatRecord({ ...held, packages: [entry] })).toMatchObject({
      packages: [{ inputs: { n: "1152921504606846976" } }],
    });
  });

  test.each<[string, string, JsonObject]>([
    ["names no release", "cpm.a.v1", { revision: 1 }],
    ["names no release", "cpm.a.v1", { release: 5, revision: 1 }],
    ["names no release", "cpm.A b.v1", { release: "A b", revision: 1 }],
    ["names no release", "cpm...v1", { release: "..", revision: 1 }],
    ["has no revision", "cpm.a.v0", { release: "a", revision: 0 }],
    ["has no revision", "cpm.a.v1", { release: "a", revision: "one" }],
    ["has no revision", "cpm.a.v1", { release: "a", revision: 1.5 }],
    ["has no revision", "cpm.a.v1", { release: "a", revision: 1e300 }],
    ["calls itself b 1", "cpm.a.v1", { release: "b", revision: 1 }],
    ["calls itself a 2", "cpm.a.v1", { release: "a", revision: 2 }],
    ["a package is not complete", "cpm.a.v1", { release: "a", revision: 1, packages: [{ name: "x" }] }],
    [
      "a package is not complete",
      "cpm.a.v1",
      { release: "a", revision: 1, packages: [{ name: "x", version: "1", digest: "sha256:../../x" }] },
    ],
    ["a resource is not complete", "cpm.a.v1", { release: "a", revision: 1, resources: [{ kind: "Pod", name: "x" }] }],
  ])("%s: %s %j", async (what, name, spec) => {
    const fault = await faultOf(() => readRevision(blueprint(name, spec, {})));
    expect([fault.code, fault.message]).toEqual(["release/record", expect.stringContaining(what)]);
    expect(fault.hint).toContain("colonies blueprint get");
  });

  test("whatever a member wrote is read or refused, never more", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (some, more) => {
        const spec = {
          release: "a",
          revision: 1,
          packages: some,
          resources: more,
          client: some,
          recovers: more,
          placement: some,
        };
        try {
          readRevision(
            blueprint("cpm.a.v1", spec as JsonObject, { phase: some, created: more, beat: some } as JsonObject),
          );
        } catch (error) {
          expect(error).toMatchObject({ code: "release/record" });
        }
      }),
    );
  });

  test("in which a member wrote an object for a number breaks no list", async () => {
    const odd = { toString: "" };
    const read = readRevision(blueprint("cpm.a.v1", { release: "a", revision: 1, recovers: odd }, { beat: odd }));
    expect([read.record.recovers, read.status.beat]).toEqual([undefined, 0]);
    const fault = await faultOf(() => readRevision(blueprint("cpm.a.v1", { release: "a", revision: odd }, {})));
    expect(fault.code).toBe("release/record");
  });

  test("whose status was lost counts as begun", () => {
    const read = readRevision(blueprint("cpm.a.v1", { release: "a", revision: 1 }, {}));
    expect(read.status).toEqual({
      phase: "pending-install",
      updatedAt: "1970-01-01T00:00:00.000Z",
      beat: 0,
      created: [],
    });
  });
});

test("a record from before instances and requirements is read as one without", () => {
  const bytes = `sha256:${"a".repeat(64)}`;
  const spec = {
    release: "old",
    revision: 1,
    packages: [{ name: "rise/base", version: "1.0.0", digest: bytes, inputs: {} }],
    resources: [{ package: "rise/base", kind: "Cron", name: "nightly", digest: bytes }],
    client: { id: "x", user: "", host: "", startedAt: "" },
  };
  const { record: read } = readRevision(blueprint(revisionName("old", 1), spec, {}));
  expect(formatRecord(read)).toEqual(spec);
});
