import { beforeAll, describe, expect, test } from "bun:test";
import { formatManifest } from "@cpm/oci";
import { packageArtifact } from "@cpm/registry/testing";
import { digestOf } from "@cpm/store";
import { directoryMode, serversMode } from "./storage-mode.ts";
import type { OpenStorage, StorageMode } from "./storage-mode.ts";
import { someBytes } from "./testing.ts";

const name = "test/crash";
const half = 150_000;

interface CrashMode extends StorageMode {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The steps of a blob from its last byte to the answer, and whether the blob is there after a crash at each. */
  readonly steps: readonly (readonly [failpoint: string, recorded: boolean])[];
}

const modes: readonly CrashMode[] = [
  {
    ...directoryMode,
    bytes: someBytes(300_000),
    steps: [
      ["upload/received", false],
      ["upload/hashed", false],
      ["blob/synced", false],
      ["blob/renamed", false],
      ["upload/adopted", false],
      ["upload/recorded", true],
    ],
  },
  {
    ...serversMode,
    // Of more than one part.
    bytes: someBytes(9_000_000),
    steps: [
      ["object/multipart-created", false],
      ["upload/received", false],
      ["upload/hashed", false],
      ["object/completed", false],
      ["upload/adopted", false],
      ["upload/recorded", true],
    ],
  },
];

describe.each(modes)("a registry on $name", (mode) => {
  const { bytes, steps, reason } = mode;
  const digest = digestOf(bytes);
  if (reason === undefined) beforeAll(() => mode.prepare(), 600_000);
  else process.stdout.write(`crashes on ${mode.name} are not tested: ${reason}\n`);

  async function inStorage(use: (storage: OpenStorage) => Promise<void>): Promise<void> {
    const storage = await mode.open();
    try {
      await use(storage);
    } finally {
      storage.close();
    }
  }
  const putRest = (host: string, location: string, start: number): Promise<number> =>
    putBytes(host, location, bytes, start, digest);

  describe.skipIf(reason !== undefined)("that is killed while a blob is finished", () => {
    test.concurrent.each(steps)(
      "at %s keeps the upload, and shows the blob only when it is whole: %p",
      (failpoint, recorded) =>
        inStorage(async (storage) => {
          const first = await storage.start();
          const begun = await fetch(`http://${first.host}/v2/${name}/blobs/uploads/`, { method: "POST" });
          const location = begun.headers.get("location") ?? "";
          const patch = await fetch(`http://${first.host}${location}`, { method: "PATCH", body: bytes.slice(0, half) });
          expect(patch.status).toBe(202);
          expect(await first.end("SIGKILL")).toMatchObject({ signalCode: "SIGKILL" });

          // What was acknowledged is there after the crash, and the upload goes on in another process.
          const doomed = await storage.start({ failpoint });
          expect(await standsAt(doomed.host, location)).toBe(half);
          const put = putRest(doomed.host, location, half);
          expect(await put.catch(() => "no answer")).toBe("no answer");
          await doomed.ended;

          const last = await storage.start();
          try {
            const head = await fetch(`http://${last.host}/v2/${name}/blobs/${digest}`, { method: "HEAD" });
            expect(head.status).toBe(recorded ? 200 : 404);
            const stands = await standsAt(last.host, location);
            if (!recorded) {
              expect(stands).toBeGreaterThanOrEqual(half);
              // Of a file everything is there that was written.
              if (mode.name === directoryMode.name) expect(stands).toBe(bytes.length);
              const wrong = await fetch(`http://${last.host}${location}`, {
                method: "PATCH",
                headers: { "content-range": "0-0" },
                body: "x",
              });
              expect(wrong.status).toBe(416);
              expect(await putRest(last.host, location, stands ?? 0)).toBe(201);
            }
            expect(await standsAt(last.host, location)).toBeUndefined();
            const blob = await fetch(`http://${last.host}/v2/${name}/blobs/${digest}`);
            expect(digestOf(new Uint8Array(await blob.arrayBuffer()))).toBe(digest);
          } finally {
            await last.end("SIGTERM");
          }
        }),
      120_000,
    );

    test.concurrent(
      "after the blob's object was put in place gives it to nobody who names another digest",
      () =>
        inStorage(async (storage) => {
          const doomed = await storage.start({ failpoint: "upload/adopted" });
          const begun = await fetch(`http://${doomed.host}/v2/${name}/blobs/uploads/`, { method: "POST" });
          const location = begun.headers.get("location") ?? "";
          await putRest(doomed.host, location, 0).catch(() => "no answer");
          await doomed.ended;
          const last = await storage.start();
          try {
            const other = digestOf(someBytes(10));
            expect((await fetch(`http://${last.host}${location}?digest=${other}`, { method: "PUT" })).status).toBe(400);
            expect(await standsAt(last.host, location)).toBeUndefined();
            for (const one of [digest, other])
              expect((await fetch(`http://${last.host}/v2/${name}/blobs/${one}`, { method: "HEAD" })).status).toBe(404);
          } finally {
            await last.end("SIGTERM");
          }
        }),
      120_000,
    );
  });

  describe.skipIf(reason !== undefined)("that is killed while a version is published", () => {
    test.concurrent.each([
      ["manifest/verified", false],
      ["manifest/stored", false],
      ["manifest/recorded", true],
    ] as const)(
      "at %s has all of it or nothing: %p",
      (failpoint, recorded) =>
        inStorage(async (storage) => {
          const artifact = await packageArtifact({ name, version: "1.0.0", readme: "# Still here" });
          const body = formatManifest(artifact.manifest);
          const doomed = await storage.start({ failpoint });
          for (const [blob, content] of artifact.blobs) {
            const url = `http://${doomed.host}/v2/${name}/blobs/uploads/?digest=${blob}`;
            expect((await fetch(url, { method: "POST", body: content })).status).toBe(201);
          }
          const path = `/v2/${name}/manifests/1.0.0`;
          const publish = (host: string) =>
            fetch(`http://${host}${path}`, { method: "PUT", body }).then((answer) => answer.status);
          expect(await publish(doomed.host).catch(() => "no answer")).toBe("no answer");
          await doomed.ended;

          const last = await storage.start();
          try {
            const expected = recorded ? 200 : 404;
            const about = [path, `/v2/${name}/manifests/${digestOf(body)}`, `/api/v1/packages/${name}`];
            for (const asked of about) expect((await fetch(`http://${last.host}${asked}`)).status).toBe(expected);
            const tags = await (await fetch(`http://${last.host}/v2/${name}/tags/list`)).json();
            expect(tags.tags).toEqual(recorded ? ["1.0.0"] : []);
            const found = await (await fetch(`http://${last.host}/api/v1/search?q=crash`)).json();
            expect(found.total).toBe(recorded ? 1 : 0);
            expect(await publish(last.host)).toBe(201);
            for (const asked of about) expect((await fetch(`http://${last.host}${asked}`)).status).toBe(200);
          } finally {
            await last.end("SIGTERM");
          }
        }),
      120_000,
    );
  });
});

async function putBytes(
  host: string,
  location: string,
  bytes: Uint8Array<ArrayBuffer>,
  start: number,
  digest: string,
): Promise<number> {
  const rest = bytes.slice(start);
  const headers: Record<string, string> = rest.length === 0 ? {} : { "content-range": `${start}-${bytes.length - 1}` };
  const response = await fetch(`http://${host}${location}?digest=${digest}`, { method: "PUT", headers, body: rest });
  return response.status;
}

/** How many bytes of an upload the registry has; undefined when it knows of none. */
async function standsAt(host: string, location: string): Promise<number | undefined> {
  const response = await fetch(`http://${host}${location}`);
  if (response.status === 404) return undefined;
  return Number(response.headers.get("range")?.split("-")[1]) + 1;
}
