import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseReference } from "@cpm/model";
import { copyGraph, createDirectoryStore, writeLayoutFile } from "@cpm/store";
import { faultOf, manifest, MemoryRegistries, named, Scratch } from "../testing/packages.ts";
import { locatePackage, parsePackageSource, readLocatedPackage } from "./locate-package.ts";
import type { PackageAccess } from "./locate-package.ts";
import { packPackage } from "./pack-package.ts";
import type { PackedPackage } from "./pack-package.ts";
import { readPackageDirectory } from "./lint-package.ts";

const scratch = new Scratch();
const registries = new MemoryRegistries();
const host = "registry.test";
const versions = ["1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "2.0.0"];
const packed = new Map<string, PackedPackage>();
let access: PackageAccess;
beforeAll(async () => {
  access = registries.access(scratch, host);
  for (const version of versions) {
    const made = await scratch.pack({ "colony.yaml": manifest("rise/words", version) });
    packed.set(version, made);
    await registries.put(host, made);
  }
  const early = await scratch.pack({ "colony.yaml": manifest("rise/early", "0.1.0-beta.2") });
  await registries.put(host, early);
  await registries.put("other.test:5000", early);
});
afterAll(() => scratch.remove());

describe("what a person names", () => {
  test.each(["./hello", "../hello", "/srv/hello", ".", "hello.cpm", "a/b.cpm", ".\\hello", "C:\\hello"])(
    "%s is a path",
    (text) => expect(parsePackageSource(text)).toEqual({ kind: "path", path: text }),
  );
  test.each(["examples/hello", "examples/hello@1.0.0", "host:5000/a/b@^1", "a/b@sha256:" + "0".repeat(64)])(
    "%s is a reference",
    (text) => expect(parsePackageSource(text)).toEqual({ kind: "reference", reference: parseReference(text) }),
  );
  test("hello is neither", async () => {
    expect((await faultOf(() => parsePackageSource("hello"))).code).toMatch(/^(name|reference)\//);
  });
});

describe("a reference", () => {
  const find = async (text: string) => {
    const located = await locatePackage(parsePackageSource(text), access);
    const { manifest: found } = await readLocatedPackage(located, undefined);
    return `${located.registry}/${found.name}@${found.version.text}`;
  };

  test.each([
    ["rise/words", "2.0.0"],
    ["rise/words@1.2.0", "1.2.0"],
    ["rise/words@^1.0.0", "1.10.0"],
    ["rise/words@~1.2", "1.2.0"],
    ["rise/words@<1.10", "1.2.0"],
    ["rise/words@2.0.0-rc.1", "2.0.0-rc.1"],
    ["rise/words@>=2.0.0-rc.0 <2.0.0", "2.0.0-rc.1"],
  ])("%s is %s", async (text, version) => {
    expect(await find(text)).toBe(`${host}/rise/words@${version}`);
  });

  test("without a release is the newest prerelease", async () => {
    expect(await find("rise/early")).toBe(`${host}/rise/early@0.1.0-beta.2`);
  });

  test("by digest is exactly that", async () => {
    expect(await find(`rise/words@${packed.get("1.2.0")?.root.digest}`)).toBe(`${host}/rise/words@1.2.0`);
  });

  test("may name another registry", async () => {
    expect(await find("other.test:5000/rise/early@0.1.0-beta.2")).toBe("other.test:5000/rise/early@0.1.0-beta.2");
  });

  test("that nothing fits names what there is", async () => {
    expect(await faultOf(() => find("rise/words@^3"))).toMatchObject({
      code: "package/no-version",
      hint: "The newest are 1.0.0, 1.2.0, 1.10.0, 2.0.0-rc.1, 2.0.0.",
    });
    expect((await faultOf(() => find("rise/words@1.2.1"))).message).toBe(`${host} has no rise/words@1.2.1`);
    expect((await faultOf(() => find("rise/nothing"))).message).toBe(`${host} has no package rise/nothing`);
    const none = `sha256:${"0".repeat(64)}`;
    expect(await faultOf(() => find(`rise/words@${none}`))).toMatchObject({
      code: "package/not-found",
      message: `${host} has no rise/words@${none}`,
    });
  });

  test("without a registry says how to name one", async () => {
    const fault = await faultOf(() => locatePackage(parsePackageSource("a/b"), registries.access(scratch)));
    expect([fault.code, fault.hint]).toEqual(["package/no-registry", expect.stringContaining("CPM_REGISTRY")]);
  });

  test("that is also a directory here tells how to name the directory", async () => {
    scratch.write({ "colony.yaml": manifest("near/by", "1.0.0") }, join(scratch.root, "near/by"));
    const before = process.cwd();
    process.chdir(scratch.root);
    try {
      const fault = await faultOf(() => find("near/by"));
      expect([fault.code, fault.hint]).toEqual(["package/not-found", "For the directory here write ./near/by."]);
    } finally {
      process.chdir(before);
    }
  });

  test("that is answered with another package is refused", async () => {
    const words = packed.get("1.0.0");
    if (words === undefined) throw new Error("it was not packed");
    await registries.put(host, words, "rise/imposter", "1.0.0");
    await registries.put(host, words, "rise/words", "7.0.0");
    expect(await faultOf(() => find("rise/imposter@1.0.0"))).toMatchObject({
      code: "package/not-a-package",
      message: "rise/imposter@1.0.0 is answered with rise/words@1.0.0",
    });
    expect(await faultOf(() => find("rise/words@7.0.0"))).toMatchObject({
      code: "package/not-a-package",
      message: "rise/words@7.0.0 is answered with rise/words@1.0.0",
    });
    // The newest tag is no version that was asked for, but it must be the version of what it names all the same.
    expect((await faultOf(() => find("rise/words"))).code).toBe("package/not-a-package");
    await registries.repository(host, "rise/words").untag("7.0.0");
    const digest = words.root.digest;
    expect((await faultOf(() => find(`rise/imposter@${digest}`))).code).toBe("package/not-a-package");
  });

  test("by the digest of something else is refused", async () => {
    const [variant] = (packed.get("1.0.0") ?? { variants: [] }).variants;
    if (variant === undefined) throw new Error("it was not packed");
    const store = registries.repository(host, "rise/words");
    const { digestOf } = await import("@cpm/store");
    const { emptyDescriptor, formatManifest, mediaTypes } = await import("@cpm/oci");
    const ingest = await store.ingest(emptyDescriptor);
    await ingest?.write(new TextEncoder().encode("{}"));
    await ingest?.commit();
    const bytes = formatManifest({
      kind: "manifest",
      mediaType: mediaTypes.manifest,
      artifactType: "application/vnd.other",
      config: emptyDescriptor,
      layers: [],
      annotations: {},
    });
    const descriptor = { mediaType: mediaTypes.manifest, digest: digestOf(bytes), sizeBytes: bytes.length };
    await store.putManifest(descriptor, bytes);
    expect(await faultOf(() => find(`rise/words@${descriptor.digest}`))).toMatchObject({
      code: "package/not-a-package",
      message: `${descriptor.digest} is no package`,
    });
    expect(named("rise/words")).toBe(named("rise/words"));
  });
});

describe("a path", () => {
  const source = (path: string) => ({ kind: "path" as const, path });

  test("to nothing is not found", async () => {
    expect((await faultOf(() => locatePackage(source("./nowhere"), access))).code).toBe("package/not-found");
  });

  test("to a directory is packed on the way", async () => {
    const root = scratch.write({ "colony.yaml": manifest("a/local", "1.0.0") });
    const located = await locatePackage(source(root), registries.access(scratch));
    expect([located.registry, (await readLocatedPackage(located, undefined)).manifest.name as string]).toEqual([
      undefined,
      "a/local",
    ]);
  });

  const packFile = async (): Promise<string> => {
    const root = scratch.write({
      "colony.yaml": manifest("a/file", "1.0.0", 'payload: [{include: ["d"]}]\n'),
      d: "data",
    });
    const layout = scratch.fresh("layout");
    await packPackage(readPackageDirectory(root).directory, layout);
    const file = `${scratch.fresh("f")}.cpm`;
    writeLayoutFile(layout, file);
    return file;
  };

  test("to a packed file is read in place", async () => {
    const located = await locatePackage(source(await packFile()), access);
    expect((await readLocatedPackage(located, undefined)).manifest.name as string).toBe("a/file");
  });

  test("to a file that was cut off or is something else is refused", async () => {
    const file = await packFile();
    const cut = `${scratch.fresh("cut")}.cpm`;
    copyFileSync(file, cut);
    truncateSync(cut, 2000);
    const text = `${scratch.fresh("text")}.cpm`;
    writeFileSync(text, "this is no archive, and long enough to be read as a header".repeat(20));
    for (const path of [cut, text])
      expect((await faultOf(() => locatePackage(source(path), access))).code).toBe("store/not-a-layout");
  });

  test("to a file with several packages is refused", async () => {
    const layout = scratch.fresh("layout");
    const store = createDirectoryStore(layout);
    for (const version of ["1.0.0", "1.2.0"]) {
      const made = packed.get(version);
      if (made !== undefined) await copyGraph(made.store, store, made.root, { tags: [version] });
    }
    const file = `${scratch.fresh("two")}.cpm`;
    writeLayoutFile(layout, file);
    expect(await faultOf(() => locatePackage(source(file), access))).toMatchObject({
      code: "package/not-a-package",
      message: `${file} holds 2 packages, not one`,
    });
    const none = scratch.fresh("layout");
    createDirectoryStore(none);
    writeLayoutFile(none, `${none}.cpm`);
    expect((await faultOf(() => locatePackage(source(`${none}.cpm`), access))).message).toContain("holds 0 packages");
  });
});
