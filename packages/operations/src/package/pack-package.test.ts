import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, cpSync, lchownSync, readdirSync, renameSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { collectBytes, decodeUtf8, parseJson } from "@cpm/base";
import { parsePackageConfig } from "@cpm/model";
import { parseManifestBytes } from "@cpm/oci";
import type { Descriptor, OciManifest, StoreReader } from "@cpm/oci";
import { readManifestBytes } from "@cpm/store";
import { manifest, Scratch } from "../testing/packages.ts";
import { readPackageDirectory } from "./lint-package.ts";
import { packPackage } from "./pack-package.ts";

const scratch = new Scratch();
afterAll(() => scratch.remove());

const many = {
  "colony.yaml": manifest(
    "a/many",
    "1.2.0",
    `license: Apache-2.0
repository: https://example.org/many
payload:
  - {include: ["share/**"]}
  - {include: ["bin/linux-amd64/**"], platform: linux/amd64}
  - {include: ["bin/linux-arm64/**"], platform: linux/arm64}
`,
  ),
  "README.md": "# many",
  "share/data.txt": "for all",
  "bin/linux-amd64/run.sh": "#!/bin/sh\necho amd64\n",
  "bin/linux-arm64/run.sh": "#!/bin/sh\necho arm64\n",
};

async function readDocument(
  store: StoreReader,
  descriptor: Descriptor,
): Promise<ReturnType<typeof parseManifestBytes>> {
  return parseManifestBytes(await readManifestBytes(store, descriptor), descriptor.mediaType);
}

async function readConfig(store: StoreReader, document: OciManifest) {
  return parsePackageConfig(await collectBytes(store.read(document.config), 1_000_000));
}

describe("packing", () => {
  test("one platform or none gives a manifest, tagged with the version", async () => {
    const { store, root, variants } = await scratch.pack({
      "colony.yaml": manifest("a/one", "1.0.0-rc.1+build.5", 'payload: [{include: ["bin/**"]}]\n'),
      "bin/run.sh": "#!/bin/sh\n",
    });
    expect(await store.tags()).toEqual(["1.0.0-rc.1_build.5"]);
    const document = await readDocument(store, root);
    if (document.kind !== "manifest") throw new Error("it is an index");
    expect(document.artifactType).toBe("application/vnd.colonyos.cpm.package.v1");
    expect(document.config.mediaType).toBe("application/vnd.colonyos.cpm.manifest.v1+json");
    expect(document.annotations).toMatchObject({ "org.opencontainers.image.version": "1.0.0-rc.1+build.5" });
    const config = await readConfig(store, document);
    expect(config.layers.map(({ role, platform }) => [role, platform])).toEqual([
      ["package", undefined],
      ["payload", undefined],
    ]);
    expect(variants.map(({ tree }) => tree)).toEqual([config.tree]);
  });

  test("several platforms give an index, and no variant holds another's files", async () => {
    const { store, root, variants } = await scratch.pack(many);
    const index = await readDocument(store, root);
    if (index.kind !== "index") throw new Error("it is no index");
    expect(await store.resolve("1.2.0")).toMatchObject({ digest: root.digest });
    expect(index.manifests.map(({ platform }) => platform)).toEqual([
      { os: "linux", architecture: "amd64" },
      { os: "linux", architecture: "arm64" },
    ]);
    const documents = await Promise.all(index.manifests.map(async (entry) => readDocument(store, entry)));
    const layers: string[][] = [];
    for (const document of documents) {
      if (document.kind !== "manifest") throw new Error("it is no manifest");
      const config = await readConfig(store, document);
      expect(config.layers.map(({ platform }) => platform ?? "all")).toEqual([
        "all",
        "all",
        expect.stringMatching(/^linux\//),
      ]);
      layers.push(document.layers.map(({ digest }) => digest));
    }
    const [first = [], second = []] = layers;
    expect(first.slice(0, 2)).toEqual(second.slice(0, 2));
    expect(first[2]).not.toBe(second[2]);
    expect(new Set(variants.map(({ tree }) => tree)).size).toBe(2);
  });

  test("the config is canonical JSON", async () => {
    const { store, variants } = await scratch.pack(many);
    const [variant] = variants;
    if (variant === undefined) throw new Error("there is no variant");
    const document = await readDocument(store, variant.manifest);
    if (document.kind !== "manifest") throw new Error("it is no manifest");
    const text = decodeUtf8(await collectBytes(store.read(document.config), 1_000_000));
    const keys = Object.keys(parseJson(text) as object);
    expect(keys).toEqual(keys.toSorted());
  });
});

const packer = join(import.meta.dir, "../testing/pack-main.ts");

/** Packs in another process, as another user or with another umask, and answers the digests. */
function packElsewhere(directory: string, umask: string, userId?: number): unknown {
  const layout = scratch.fresh("layout");
  const script = `umask ${umask}; exec "$0" "$1" "$2" "$3"`;
  const run = ["sh", "-c", script, process.execPath, packer, directory, layout];
  const child = Bun.spawnSync(run, {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      CPM_TEST_UID: userId === undefined ? "" : String(userId),
      TZ: userId === undefined ? "UTC" : "Asia/Tokyo",
    },
  });
  if (child.exitCode !== 0) throw new Error(child.stderr.toString());
  return JSON.parse(child.stdout.toString());
}

describe("the same files give the same digests", () => {
  test("whatever the umask, the times, the order in the directory and the owner", async () => {
    const here = scratch.write(many);
    const { root, variants } = await packPackage(readPackageDirectory(here).directory, scratch.fresh("layout"));
    const expected = { root: root.digest, trees: variants.map(({ tree }) => tree) };

    const there = scratch.fresh("copy");
    cpSync(here, there, { recursive: true });
    // Written again in the other order, long ago, with other rights for the group and for others.
    for (const path of readdirSync(there, { recursive: true, encoding: "utf8" }).toSorted().toReversed()) {
      const absolute = join(there, path);
      renameSync(absolute, `${absolute}.moved`);
      renameSync(`${absolute}.moved`, absolute);
      utimesSync(absolute, 1, 1);
      if (path.endsWith(".sh")) chmodSync(absolute, 0o700);
      else if (/\.(md|txt|yaml)$/.test(path)) chmodSync(absolute, 0o600);
    }
    expect(packElsewhere(there, "022")).toEqual(expected);
    expect(packElsewhere(there, "077")).toEqual(expected);
    expect(packElsewhere(there, "000")).toEqual(expected);
  }, 60_000);

  const root = process.getuid?.() === 0;
  if (!root) process.stderr.write("packing as another user is not tested: this process is not root\n");
  test.if(root)(
    "whoever packs",
    async () => {
      const here = scratch.write(many);
      const own = packElsewhere(here, "022");
      for (const path of ["", ...readdirSync(here, { recursive: true, encoding: "utf8" })])
        lchownSync(join(here, path), 12_345, 54_321);
      chmodSync(scratch.root, 0o777);
      expect(packElsewhere(here, "027", 12_345)).toEqual(own);
    },
    60_000,
  );

  test("and another file, another name or the executable bit gives others", async () => {
    const digestOf = async (files: Readonly<Record<string, string>>) => (await scratch.pack(files)).root.digest;
    const { "share/data.txt": data, ...rest } = many;
    const digests = [
      await digestOf(many),
      await digestOf({ ...many, "share/data.txt": `${data}!` }),
      await digestOf({ ...rest, "share/data2.txt": data }),
      await digestOf({ ...rest, "share/data.sh": data }),
    ];
    expect(new Set(digests).size).toBe(4);
  });
});
