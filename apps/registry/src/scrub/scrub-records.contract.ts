import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import type { Digest } from "@cpm/base";
import { encodeUtf8 } from "@cpm/base";
import { digestOf } from "@cpm/store";
import { AuditedDatabase } from "../access/audited-database.ts";
import { sql } from "../database/sql.ts";
import { SqlMetadata } from "../metadata/sql-metadata.ts";
import { SqlUploadRecords } from "../objects/sql-upload-records.ts";
import type { DatabaseKind } from "../testing/database-under-test.ts";
import { manifestOf } from "../testing/new-manifests.ts";
import type { BlobToScrub, ContentToScrub, ManifestToScrub } from "./scrub-contents.ts";
import { ScrubRecords, scrubLeaseMs } from "./scrub-records.ts";
import type { ScrubProgress } from "./scrub-records.ts";

const by = { actor: "olga", requestId: "r1" };
const repositories = ["acme/web", "acme/tools"] as const;

/** What the records of a scrub promise on every database. */
export function testScrubRecords({ name, open }: DatabaseKind): void {
  describe(`the records of a scrub, by ${name}`, () => {
    const opened: (() => Promise<void>)[] = [];
    let database: AuditedDatabase;
    let metadata: SqlMetadata;
    let uploads: SqlUploadRecords;
    /** One that remembers no bytes. */
    let anotherReader: () => SqlMetadata;
    let now = 0;
    afterAll(async () => {
      for (const dispose of opened) await dispose();
    });
    beforeEach(async () => {
      const made = await open();
      opened.push(made.dispose);
      now = 1_767_000_000_000;
      database = new AuditedDatabase(made.database, () => now++);
      metadata = new SqlMetadata(made.database, () => now++);
      uploads = new SqlUploadRecords(made.database);
      anotherReader = () => new SqlMetadata(made.database, () => now);
    });
    const recordsOf = (holder: string) => new ScrubRecords(database, holder);

    async function push(text: string, repository: string = repositories[0]): Promise<Digest> {
      const [digest, id] = [digestOf(encodeUtf8(text)), crypto.randomUUID()];
      const fields = { algorithm: "sha256", sizeBytes: 0, state: {}, version: 0, leasedUntilMs: 0 } as const;
      await uploads.create({ id, repository, actor: "olga", activeAtMs: now, ...fields });
      await metadata.finishUpload(repository, digest, { id, object: `o-${id}`, sizeBytes: text.length, version: 0 });
      return digest;
    }
    async function claimed(records: ScrubRecords, restart = false): Promise<ScrubProgress> {
      const progress = await records.claim(restart);
      if (progress === undefined) throw new Error("somebody else is at it");
      return progress;
    }
    async function everything(records: ScrubRecords): Promise<ContentToScrub[]> {
      const found: ContentToScrub[] = [];
      let progress = await claimed(records, true);
      for (let page = await records.next(progress); page.length > 0; page = await records.next(progress)) {
        found.push(...page);
        const { repositoryId = 0, digest = "" } = page.at(-1) ?? {};
        progress = { ...progress, repositoryId, digest };
      }
      await records.release(progress);
      return found;
    }

    test("list every blob by its digest, then the manifests of every repository, in pages", async () => {
      const blobs: Digest[] = [];
      for (let count = 0; count < 510; count++) blobs.push(await push(`blob ${count}`));
      const manifests = repositories.map((repository) => manifestOf(`of ${repository}`, { repository }));
      const large = manifestOf("x".repeat(3_000_000), { repository: repositories[1] });
      const other = manifestOf("y".repeat(3_000_000), { repository: repositories[1] });
      for (const manifest of [...manifests, large, other]) await metadata.putManifest(manifest, by);
      const found = await everything(recordsOf("command:a"));
      const ofKind = (kind: string) => found.filter((content) => content.kind === kind).map(({ digest }) => digest);
      expect(ofKind("blob")).toEqual(blobs.toSorted());
      expect(ofKind("manifest").toSorted()).toEqual(
        [...manifests, large, other].map(({ digest }) => digest).toSorted(),
      );
      expect(found.findLastIndex(({ kind }) => kind === "blob")).toBe(blobs.length - 1);
      for (const content of found)
        if (content.kind === "manifest") expect(digestOf(content.bytes)).toBe(content.digest);
    }, 60_000);

    test("are had by one at a time, go on where they stood, and are lost with their time", async () => {
      const [first, second] = [recordsOf("job:a"), recordsOf("job:b")];
      const progress = await claimed(first);
      expect(await second.claim(false)).toBeUndefined();
      const further = { ...progress, digest: "sha256:50", contents: 7, hashedBytes: 2 ** 40 };
      expect(await first.save(further)).toBe(true);
      now += scrubLeaseMs + 1;
      expect(await second.claim(false)).toEqual(further);
      expect([await first.save(progress), await first.end(progress), await first.release(progress)]).toEqual([
        false,
        false,
        false,
      ]);
      const command = recordsOf("command:c");
      expect(await command.claim(false)).toEqual(further);
      expect(await recordsOf("command:d").claim(true)).toBeUndefined();
      expect(await command.release(further)).toBe(true);
      expect(await first.claim(true)).toMatchObject({ digest: "", contents: 0, hashedBytes: 0 });
      expect(await first.end({ ...progress, contents: 9 })).toBe(true);
      const { pass, last, counts } = await first.status();
      expect([pass, last?.startedAtMs, counts.contents]).toEqual([undefined, progress.startedAtMs, 9]);
    });

    test("say of a blob that it is damaged as long as nobody stores it again", async () => {
      const records = recordsOf("command:a");
      const digest = await push("one");
      const [stale] = (await everything(records)) as BlobToScrub[];
      await push("one");
      if (stale === undefined) throw new Error("it is there");
      expect(await records.recordBlob(stale, "changed", "quarantine/one")).toBe(false);
      const [blob] = (await everything(records)) as BlobToScrub[];
      if (blob === undefined) throw new Error("it is there");
      expect(await records.recordBlob(blob, "changed", "quarantine/one")).toBe(true);
      expect(await records.recordBlob(blob, "changed", "quarantine/one")).toBe(false);
      expect(await metadata.blob(repositories[0], digest)).toMatchObject({ damaged: true });
      expect(await metadata.missing(repositories[0], [digest])).toEqual([digest]);
      expect(await metadata.mountBlob(repositories[0], repositories[1], digest)).toBe(false);
      expect(await metadata.mountBlob(undefined, repositories[1], digest)).toBe(false);
      expect(await records.damages(undefined, 10)).toMatchObject([
        { digest, repository: undefined, finding: "changed", sizeBytes: 3, keptAs: "quarantine/one" },
      ]);
      await push("one", repositories[1]);
      expect(await metadata.blob(repositories[0], digest)).toMatchObject({ damaged: false });
      expect([await records.damages(undefined, 10), await records.countDamages()]).toEqual([[], 0]);
    });

    test("say of a manifest that it is damaged, with what was there, until it is pushed again or found whole", async () => {
      const records = recordsOf("command:a");
      const manifest = manifestOf("one", { tags: ["v1"] });
      await metadata.putManifest(manifest, by);
      const { digest, repository } = manifest;
      const spoil = () => database.run(sql`UPDATE manifests SET bytes = ${encodeUtf8("{}")} WHERE digest = ${digest}`);
      const listed = async () => {
        const [found] = (await everything(records)) as ManifestToScrub[];
        if (found === undefined) throw new Error("it is there");
        return found;
      };
      await spoil();
      const fresh = anotherReader();
      const lost = { code: "registry-server/content-lost" };
      await expect(fresh.manifestByTag(repository, "v1")).rejects.toMatchObject(lost);
      expect(await records.recordManifest(await listed())).toBe(true);
      await expect(fresh.manifestByDigest(repository, digest)).rejects.toMatchObject(lost);
      expect(await fresh.missing(repository, [digest])).toEqual([digest]);
      expect(await records.damages(undefined, 10)).toMatchObject([{ digest, repository, finding: "changed" }]);
      await metadata.putManifest(manifest, by);
      expect(await fresh.manifestByTag(repository, "v1")).toMatchObject({ bytes: manifest.bytes });
      expect(await records.countDamages()).toBe(0);
      await spoil();
      now += 1000;
      expect(await records.recordManifest(await listed())).toBe(true);
      await database.run(sql`UPDATE manifests SET bytes = ${manifest.bytes} WHERE digest = ${digest}`);
      await records.recordSound(await listed());
      expect(await metadata.manifestByDigest(repository, digest)).toMatchObject({ digest });
      expect(await records.countDamages()).toBe(0);
    });
  });
}
