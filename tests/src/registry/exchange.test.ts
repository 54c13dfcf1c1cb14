import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { debianPrograms, goPrograms, installDebianProgram, installGoProgram, whyNoGo } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";
import { encodeUtf8 } from "@cpm/base";
import { formatManifest } from "@cpm/oci";
import type { OciManifest } from "@cpm/oci";
import { emptyConfigBytes, imageOf, packageArtifact } from "@cpm/registry/testing";
import { digestOf, findTag, readLayoutIndex } from "@cpm/store";
import { ToolHome } from "./clients/registry-tool.ts";
import { cpmRegistry } from "./command.ts";
import { whyNoPostgres } from "./postgres-server.ts";
import { startRegistryProcess } from "./registry-process.ts";
import { startS3Server } from "./s3-server.ts";
import type { S3Server } from "./s3-server.ts";
import { inDirectory, inPostgres, inS3 } from "./storage-place.ts";
import type { StoragePlace } from "./storage-place.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-exchange-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;
const fresh = (): string => join(scratch, String(count++));

const run = (
  verb: readonly string[],
  { data, args, environment }: StoragePlace,
  failpoint = "",
): ReturnType<typeof cpmRegistry> =>
  cpmRegistry([...verb, "--data", data, ...args, "--json"], "", {
    ...environment,
    ...(failpoint === "" ? {} : { CPM_TEST: "1", CPM_FAILPOINT: failpoint }),
  });

async function push(host: string, repository: string, manifest: OciManifest, ...tags: string[]): Promise<void> {
  const body = formatManifest(manifest);
  for (const reference of tags) {
    const url = `http://${host}/v2/${repository}/manifests/${reference}`;
    expect((await fetch(url, { method: "PUT", body })).status).toBe(201);
  }
}

async function pushBlob(host: string, repository: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const url = `http://${host}/v2/${repository}/blobs/uploads/?digest=${digestOf(bytes)}`;
  expect((await fetch(url, { method: "POST", body: bytes })).status).toBe(201);
}

async function fill(host: string): Promise<void> {
  for (const version of ["1.0.0", "1.1.0"]) {
    const { manifest, blobs } = await packageArtifact({
      name: "acme/web",
      version,
      payload: { "payload/data": encodeUtf8(version.repeat(20_000)) },
    });
    for (const bytes of blobs.values()) await pushBlob(host, "acme/web", bytes);
    await push(host, "acme/web", manifest, version);
  }
  await pushBlob(host, "tools/image", emptyConfigBytes);
  const image = imageOf({ annotations: { an: "image" } });
  await push(host, "tools/image", image, "latest");
  const bytes = formatManifest(image);
  const subject = { mediaType: image.mediaType, digest: digestOf(bytes), sizeBytes: bytes.length };
  const signature = imageOf({ subject, artifactType: "application/x.signature" });
  await push(host, "tools/image", signature, digestOf(formatManifest(signature)));
}

async function seenIn(place: StoragePlace): Promise<unknown[]> {
  const registry = await startRegistryProcess(place.data, place);
  try {
    const heads = ["acme/web/manifests/1.1.0", "tools/image/manifests/latest"].map(async (path) => {
      // A GET would be counted as a download.
      const head = await fetch(`http://${registry.host}/v2/${path}`, { method: "HEAD" });
      return head.headers.get("docker-content-digest");
    });
    const [, latest] = await Promise.all(heads);
    const lists = [
      "/v2/_catalog",
      "/api/v1/packages/acme/web",
      "/v2/acme/web/tags/list",
      `/v2/tools/image/referrers/${latest}`,
    ].map(async (path) => (await fetch(`http://${registry.host}${path}`)).json());
    return await Promise.all([...heads, ...lists]);
  } finally {
    await registry.end("SIGTERM");
  }
}

let filled: StoragePlace;
let layout: string;
beforeAll(async () => {
  filled = inDirectory(fresh());
  const registry = await startRegistryProcess(filled.data);
  try {
    await fill(registry.host);
    layout = fresh();
    expect(await run(["export", "--to", layout], filled)).toMatchObject({ exitCode: 0 });
  } finally {
    await registry.end("SIGTERM");
  }
}, 60_000);

function testImport(where: string, open: (folder: string) => StoragePlace | Promise<StoragePlace>): void {
  describe(`an import into ${where}`, () => {
    test.each(["upload/received", "upload/adopted", "upload/recorded", "manifest/verified:2", "manifest/stored:2"])(
      "that is killed at %s goes on to the same registry",
      async (failpoint) => {
        const target = await open(fresh());
        expect((await run(["import", "--from", layout], target, failpoint)).exitCode).toBe(137);
        const again = await run(["import", "--from", layout], target);
        expect([again.exitCode, JSON.parse(again.stdout).refused]).toEqual([0, []]);
        expect(await seenIn(target)).toEqual(await seenIn(filled));
      },
      60_000,
    );

    test("beside a server that runs is exported again to the same layout", async () => {
      const target = await open(fresh());
      const registry = await startRegistryProcess(target.data, target);
      try {
        expect(await run(["import", "--from", layout], target)).toMatchObject({ exitCode: 0 });
        expect((await fetch(`http://${registry.host}/v2/acme/web/manifests/1.1.0`)).status).toBe(200);
        const again = fresh();
        expect(await run(["export", "--to", again], target)).toMatchObject({ exitCode: 0 });
        expect(readLayoutIndex(again)).toEqual(readLayoutIndex(layout));
      } finally {
        await registry.end("SIGTERM");
      }
    }, 60_000);
  });
}

testImport("a directory", inDirectory);

describe.skipIf(whyNoGo() !== undefined)("with S3", () => {
  let server: S3Server;
  beforeAll(async () => void (server = await startS3Server()), 600_000);
  afterAll(() => server.stop());
  testImport("S3", (folder) => inS3(folder, server));
  describe.skipIf(whyNoPostgres() !== undefined)("and PostgreSQL", () => {
    testImport("S3 and PostgreSQL", (folder) => inPostgres(folder, server));
  });
});

test("an export while tags move and manifests go has each repository as it was at a moment, and nothing half", async () => {
  const place = inDirectory(fresh());
  const registry = await startRegistryProcess(place.data);
  const { host } = registry;
  const stop = new AbortController();
  let busy: Promise<void> | undefined;
  try {
    await pushBlob(host, "tools/image", emptyConfigBytes);
    busy = (async () => {
      for (let turn = 0; !stop.signal.aborted; turn++) {
        const bytes = encodeUtf8(`layer ${turn}`);
        await pushBlob(host, "tools/image", bytes);
        const layer = { mediaType: "application/x.layer", digest: digestOf(bytes), sizeBytes: bytes.length };
        const image = imageOf({ layers: [layer] });
        await push(host, "tools/image", image, "a", "b");
        // What both tags pointed to a moment ago, and its layer, are gone.
        const digest = digestOf(formatManifest(image));
        await fetch(`http://${host}/v2/tools/image/manifests/${digest}`, { method: "DELETE" });
        await fetch(`http://${host}/v2/tools/image/blobs/${digestOf(bytes)}`, { method: "DELETE" });
      }
    })();
    for (let turn = 0; turn < 4; turn++) {
      const to = fresh();
      const result = await run(["export", "--to", turn % 2 === 0 ? to : `${to}.tar`], place);
      expect(result).toMatchObject({ exitCode: 0 });
      expect(JSON.parse(result.stdout).leftOut).toEqual([]);
      const target = inDirectory(fresh());
      const imported = await run(["import", "--from", turn % 2 === 0 ? to : `${to}.tar`], target);
      expect([imported.exitCode, imported.stderr]).toEqual([0, ""]);
    }
  } finally {
    stop.abort();
    await busy;
    await registry.end("SIGTERM");
  }
}, 120_000);

describe("what was exported is read by", () => {
  test.skipIf(whyNoGo() !== undefined)(
    "oras, with its referrers",
    async () => {
      const home = new ToolHome(await installGoProgram(goPrograms.oras, defaultCacheDirectory()));
      // It takes what stands before the last colon for a path, so that these names are none for it.
      const at = (name: string): string => `${layout}@${findTag(readLayoutIndex(layout), name)?.digest}`;
      const fetched = await home.run(["manifest", "fetch", "--oci-layout", at("acme/web:1.1.0")]);
      expect([fetched.exitCode, fetched.output]).toEqual([0, expect.stringContaining("vnd.colonyos.cpm.package.v1")]);
      const found = await home.run(["discover", "--oci-layout", at("tools/image:latest")]);
      expect([found.exitCode, found.output]).toEqual([0, expect.stringContaining("application/x.signature")]);
      home.close();
    },
    900_000,
  );

  test("skopeo", async () => {
    const { executable, env } = await installDebianProgram(debianPrograms.skopeo, defaultCacheDirectory());
    const home = new ToolHome(executable, env);
    const raw = await home.run(["inspect", "--raw", `oci:${layout}:tools/image:latest`]);
    expect([raw.exitCode, raw.output]).toEqual([0, expect.stringContaining('"an":"image"')]);
    home.close();
  }, 300_000);
});
