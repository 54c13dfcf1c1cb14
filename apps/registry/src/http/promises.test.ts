import { describe, expect, test } from "bun:test";
import { encodeUtf8 } from "@cpm/base";
import { digestOf } from "@cpm/store";
import { imageOf, indexOf, openRegistryUnderTest } from "../testing/index.ts";
import type { RegistryUnderTest } from "../testing/index.ts";

const hourMs = 60 * 60_000;
const delayMs = 24 * hourMs;
const [name, other] = ["acme/web", "acme/db"];
const config = encodeUtf8("{}");
let count = 0;

describe("a client that was told that something is here can rely on it for the delay, when", () => {
  /** A registry in which a layer, and a child of an index that was deleted, were left behind a day ago. */
  async function leftBehind() {
    let nowMs = 1_767_000_000_000;
    const registry = await openRegistryUnderTest({ now: () => nowMs });
    const bytes = encodeUtf8(`layer ${count++}`);
    const layer = await registry.pushBlob(name, bytes);
    await registry.pushBlob(name, config);
    const child = (await registry.pushManifest(name, imageOf())).descriptor;
    const index = (await registry.pushManifest(name, indexOf([child]), "old")).descriptor;
    expect((await registry.call("DELETE", `/v2/${name}/manifests/${index.digest}`)).status).toBe(202);
    nowMs += delayMs;
    const collectLater = async (): Promise<void> => {
      nowMs += delayMs;
      await registry.runJob("collect-garbage");
    };
    return { registry, bytes, layer, child, collectLater };
  }
  type LeftBehind = Awaited<ReturnType<typeof leftBehind>>;
  const head = ({ call }: RegistryUnderTest, path: string) => call("HEAD", `/v2/${name}/${path}`);

  test("nobody asks, both go", async () => {
    const { registry, layer, child, collectLater } = await leftBehind();
    await collectLater();
    for (const path of [`blobs/${layer.digest}`, `manifests/${child.digest}`])
      expect((await head(registry, path)).status).toBe(404);
    await registry.dispose();
  });

  test.each([
    ["asked for it with HEAD", ({ registry, layer }) => head(registry, `blobs/${layer.digest}`), 200],
    [
      "mounted it",
      ({ registry, layer }) => registry.call("POST", `/v2/${other}/blobs/uploads/?mount=${layer.digest}&from=${name}`),
      201,
    ],
    [
      "pushed a manifest that was refused for want of another layer",
      async ({ registry, layer }) => {
        const missing = { ...layer, digest: digestOf(encodeUtf8("nowhere")) };
        return (await registry.pushManifest(name, imageOf({ layers: [layer, missing] }))).response;
      },
      404,
    ],
    [
      "pushed it once more",
      ({ registry, layer, bytes }) =>
        registry.call("POST", `/v2/${other}/blobs/uploads/?digest=${layer.digest}`, { body: bytes }),
      201,
    ],
  ] as readonly [string, (left: LeftBehind) => Promise<Response>, number][])(
    "it is a layer and they %s",
    async (_, use, status) => {
      const left = await leftBehind();
      const { registry, layer, collectLater } = left;
      expect((await use(left)).status).toBe(status);
      await collectLater();
      expect((await registry.pushManifest(name, imageOf({ layers: [layer] }), "new")).response.status).toBe(201);
      await registry.dispose();
    },
  );

  test("it is a manifest and they asked for it with HEAD", async () => {
    const { registry, child, collectLater } = await leftBehind();
    expect((await head(registry, `manifests/${child.digest}`)).status).toBe(200);
    await collectLater();
    expect((await registry.pushManifest(name, indexOf([child]), "new")).response.status).toBe(201);
    await registry.dispose();
  });
});
