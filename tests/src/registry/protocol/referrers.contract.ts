import { describe, expect, test } from "bun:test";
import type { Descriptor } from "@cpm/oci";
import { mediaTypes } from "@cpm/oci";
import { imageOf, indexOf } from "@cpm/registry/testing";
import { digestOf } from "@cpm/store";
import { nextOf } from "./protocol-client.ts";
import type { ProtocolClient } from "./protocol-client.ts";

interface Listed {
  readonly digest: string;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** "Listing Referrers" (end-12) and "Pushing Manifests with Subject". */
export function describeReferrers(client: () => ProtocolClient): void {
  /** All pages. */
  async function list(
    repository: string,
    subject: string,
    query = "",
  ): Promise<{ all: Listed[]; filtered: string | null }> {
    const all: Listed[] = [];
    let filtered: string | null = null;
    let next: string | undefined = `/v2/${repository}/referrers/${subject}${query}`;
    for (let pages = 0; next !== undefined && pages < 20; pages++) {
      const page = await client().call("GET", next);
      expect([page.status, page.headers.get("content-type")]).toEqual([200, mediaTypes.index]);
      filtered = page.headers.get("oci-filters-applied");
      const index = await page.json();
      expect(index).toMatchObject({ schemaVersion: 2, mediaType: mediaTypes.index });
      all.push(...index.manifests);
      next = nextOf(page);
    }
    return { all, filtered };
  }
  const digestsOf = (listed: readonly Listed[]) => listed.map(({ digest }) => digest).toSorted();

  describe("referrers", () => {
    test("of what is not there are none, and of no digest a bad request", async () => {
      const digest = digestOf(new TextEncoder().encode("nobody"));
      expect((await list(client().fresh(), digest)).all).toEqual([]);
      expect((await client().call("GET", `/v2/${client().fresh()}/referrers/sha256:short`)).status).toBe(400);
    });

    test.each(["present", "absent"])(
      "of a subject that is %s are listed by type and with annotations",
      async (where) => {
        const { repository, image } = await client().repositoryWithImage();
        const subject: Descriptor =
          where === "present"
            ? image
            : { mediaType: mediaTypes.manifest, digest: digestOf(new TextEncoder().encode(where)), sizeBytes: 9 };
        const signature = imageOf({ subject, artifactType: "x/signature", annotations: { by: "ada" } });
        const { artifactType: _, ...untyped } = imageOf({ subject });
        const pushed = [];
        for (const manifest of [signature, untyped, indexOf([], { subject, artifactType: "x/index" })]) {
          const { response, descriptor } = await client().pushManifest(repository, manifest);
          expect([response.status, response.headers.get("oci-subject")]).toEqual([201, subject.digest]);
          pushed.push(descriptor.digest);
        }
        const { all, filtered } = await list(repository, subject.digest);
        expect([digestsOf(all), filtered]).toEqual([pushed.toSorted(), null]);
        const typed = new Map(all.map((entry) => [entry.digest, entry]));
        expect(pushed.map((digest) => typed.get(digest)?.artifactType)).toEqual([
          "x/signature",
          untyped.config.mediaType,
          "x/index",
        ]);
        expect(typed.get(pushed[0] ?? "")?.annotations).toEqual({ by: "ada" });
        for (const [type, expected] of [
          ["x/signature", 1],
          ["x/none", 0],
          ["", 0],
        ] as const) {
          const chosen = await list(repository, subject.digest, `?artifactType=${encodeURIComponent(type)}`);
          expect([chosen.all.length, chosen.filtered]).toEqual([expected, "artifactType"]);
        }
      },
    );

    test("of which there are many come in pages, filtered too, and go with their manifests", async () => {
      const { repository, image: subject } = await client().repositoryWithImage();
      const pad = "x".repeat(1_500_000);
      const pushed: string[] = [];
      for (const name of ["a", "b", "c", "d", "e"]) {
        const artifactType = name === "e" ? "x/e" : "x/rest";
        const { descriptor } = await client().pushManifest(
          repository,
          imageOf({ subject, artifactType, annotations: { name, pad } }),
        );
        pushed.push(descriptor.digest);
      }
      expect(digestsOf((await list(repository, subject.digest)).all)).toEqual(pushed.toSorted());
      const rest = await list(repository, subject.digest, "?artifactType=x%2Frest");
      expect([digestsOf(rest.all), rest.filtered]).toEqual([pushed.slice(0, 4).toSorted(), "artifactType"]);
      const [gone = "", ...left] = pushed;
      expect((await client().call("DELETE", `/v2/${repository}/manifests/${gone}`)).status).toBe(202);
      expect(digestsOf((await list(repository, subject.digest)).all)).toEqual(left.toSorted());
    });
  });
}
