import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collectBytes, sourceOf } from "@cpm/base";
import type { Digest } from "@cpm/base";
import { formatManifest } from "@cpm/oci";
import type { OciIndex, OciManifest } from "@cpm/oci";
import { BlobDirectory, digestOf } from "@cpm/store";
import { AuditedDatabase } from "../access/audited-database.ts";
import { CollectCounts } from "../collect/collect-counts.ts";
import { defaultCollectSettings, promiseSlackMs } from "../collect/collect-settings.ts";
import type { CollectSettings } from "../collect/collect-settings.ts";
import { Collector } from "../collect/collector.ts";
import { Sweep } from "../collect/sweep.ts";
import type { Database } from "../database/database.ts";
import type { NewManifest } from "../metadata.ts";
import { SqlMetadata } from "../metadata/sql-metadata.ts";
import { DirectoryObjects } from "../objects/directory-objects.ts";
import { ObjectRemovals } from "../objects/object-removals.ts";
import type { ObjectStorage } from "../objects/object-storage.ts";
import { SqlUploadRecords } from "../objects/sql-upload-records.ts";
import { Uploads } from "../uploads.ts";

const by = { actor: "olga", requestId: "r1" };

/** A registry's content without its protocol, with objects in a directory and a clock that stands still. */
export class CollectionUnderTest {
  nowMs: number = Date.now();
  readonly root: string = mkdtempSync(join(tmpdir(), "cpm-collect-"));
  readonly counts: CollectCounts = new CollectCounts();
  readonly settings: CollectSettings;
  readonly now = (): number => this.nowMs;
  /** Called before an object is removed. */
  beforeRemoval: (object: string) => Promise<void> = async () => undefined;

  constructor(settings: Partial<CollectSettings> = {}) {
    this.settings = { ...defaultCollectSettings, ...settings };
  }

  storage(): ObjectStorage {
    const objects = new DirectoryObjects(new BlobDirectory(this.root));
    const remove = objects.remove.bind(objects);
    objects.remove = async (object) => {
      await this.beforeRemoval(object);
      return remove(object);
    };
    return objects;
  }

  /** One process of those that share the database and the directory. */
  replica(database: Database): ReplicaUnderTest {
    return new ReplicaUnderTest(this, database);
  }

  /** Until nobody's promise holds any more. */
  passDelay(): void {
    this.nowMs += this.settings.delayMs + promiseSlackMs(this.settings.delayMs) + 1;
  }

  dispose(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export class ReplicaUnderTest {
  readonly database: Database;
  readonly storage: ObjectStorage;
  readonly metadata: SqlMetadata;
  readonly removals: ObjectRemovals;
  readonly uploads: Uploads;
  readonly collector: Collector;
  readonly sweep: Sweep;
  /** Called when an upload has been put in place and is about to be recorded. */
  beforeRecord: () => Promise<void> = async () => undefined;

  constructor(content: CollectionUnderTest, database: Database) {
    const { settings, counts, now } = content;
    const slackMs = promiseSlackMs(settings.delayMs);
    this.database = database;
    this.storage = content.storage();
    this.metadata = new SqlMetadata(database, now, { promiseSlackMs: slackMs });
    this.removals = new ObjectRemovals(database, this.storage, now);
    this.uploads = new Uploads({
      storage: this.storage,
      records: new SqlUploadRecords(database),
      maxBlobBytes: 1_000_000,
      onBytes: () => undefined,
      untilFree: (object) => this.removals.untilFree(object),
      now,
    });
    const parts = {
      database: new AuditedDatabase(database, now),
      storage: this.storage,
      removals: this.removals,
      counts,
      settings,
      now,
    };
    this.collector = new Collector(parts);
    this.sweep = new Sweep(parts);
  }

  async collect(): Promise<void> {
    while ((await this.collector.step()) === "more");
  }

  async sweepAll(): Promise<void> {
    while ((await this.sweep.step()) === "more");
  }

  async pushBlob(repository: string, bytes: Uint8Array): Promise<Digest> {
    const digest = digestOf(bytes);
    const upload = await this.uploads.create(repository, "olga");
    await this.uploads.finish(upload, sourceOf(bytes), digest, undefined, async (finished) => {
      await this.beforeRecord();
      return this.metadata.finishUpload(repository, digest, finished);
    });
    return digest;
  }

  /** A manifest that needs what is named; it is stored as a registry does once it was found right. */
  async pushManifest(
    repository: string,
    manifest: OciManifest | OciIndex,
    contents: readonly Digest[],
    fields: Partial<NewManifest> = {},
  ): Promise<Digest> {
    const bytes = formatManifest(manifest);
    const digest = digestOf(bytes);
    const { mediaType, subject } = manifest;
    await this.metadata.promise(repository, contents);
    await this.metadata.putManifest(
      {
        repository,
        digest,
        mediaType,
        bytes,
        contents,
        tags: [],
        publish: false,
        ...(subject === undefined ? {} : { subject: subject.digest }),
        ...fields,
      },
      by,
    );
    return digest;
  }

  async has(repository: string, digest: Digest): Promise<boolean> {
    const { metadata } = this;
    return (
      (await metadata.blob(repository, digest)) !== undefined ||
      (await metadata.manifestByDigest(repository, digest)) !== undefined
    );
  }

  /** The bytes of a blob, as a client gets them; undefined where the repository shows none. Throws when they are lost. */
  async read(repository: string, digest: Digest): Promise<Uint8Array | undefined> {
    const blob = await this.metadata.blob(repository, digest);
    if (blob === undefined) return undefined;
    const object = blob.object ?? this.storage.defaultObject(digest);
    return collectBytes(this.storage.read(object, blob.sizeBytes), blob.sizeBytes);
  }

  async objects(): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const page of this.storage.pages()) names.push(...page.map(({ object }) => object));
    return names;
  }
}
