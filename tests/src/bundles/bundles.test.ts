import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { formatLockfile, maxEvidence, parseAssignment } from "@cpm/model";
import type { Lockfile } from "@cpm/model";
import {
  bundleAccess,
  collectPackages,
  createBundleHandler,
  inspectBundle,
  lockProject,
  PackageMetadata,
  parsePackageSource,
  placePackage,
  pushBundles,
  readProject,
  serveBundles,
  verifyBundles,
  writeProjectLock,
} from "@cpm/operations";
import type { PackageAccess } from "@cpm/operations";
import { anonymous, createRegistryClient } from "@cpm/registry-client";
import type { RegistryClient } from "@cpm/registry-client";
import { openLayoutFile, openNodeStore } from "@cpm/store";
import { Universe } from "../resolution/universe.ts";
import { failure } from "../failure.ts";
import { attach, named, offlineAccess, open, signatureType, Site, world } from "./site.ts";

let site: Site;
let lock: Lockfile;

beforeEach(async () => {
  site = await Site.open();
  lock = await site.publishPipeline();
});
afterEach(async () => site.close());

function clientOf(registry: string): RegistryClient {
  return createRegistryClient({ registry, credentials: anonymous, userAgent: "test" });
}

function digestOfTools(): string {
  return lock.packages.find((entry) => entry.name === "rise/tools")?.digest ?? "";
}

/** Installs from bundles as `install --from` does: chooses, reads, places. Answers name, version and a payload file. */
async function install(paths: readonly string[], text = "rise/pipe"): Promise<readonly string[]> {
  const set = await open(...paths);
  const node = openNodeStore(site.path("node"));
  const packages = await collectPackages(parsePackageSource(text), offlineAccess(set, site.path("scratch")), { world });
  for (const { variant } of packages) await placePackage(variant, node, () => {});
  return packages.map(({ variant: { manifest, config } }) => {
    const files = readdirSync(node.treePath(config.tree), { recursive: true, encoding: "utf8" });
    return `${manifest.name}@${manifest.version.text} ${files
      .filter((file) => /^(bin|payload)\/.*\w/.test(file))
      .sort()
      .join(" ")}`;
  });
}

const installed = [
  "rise/tools@1.0.0 bin/linux-amd64 bin/linux-amd64/t payload/tool.sh",
  "rise/pipe@2.0.0 payload/pipe.txt",
];

describe("evidence in a lockfile", () => {
  test("is what the registry shows when it is made, by one request a package", async () => {
    expect(lock.packages.map((entry) => entry.evidence.length)).toEqual([1, 1]);
    const { requests } = site.universe;
    requests.length = 0;
    const access = site.fresh();
    await site.lock({ "rise/pipe": "^2" }, access);
    expect(requests.filter((path) => path.includes("/referrers/"))).toHaveLength(2);
    requests.length = 0;
    await site.lock({ "rise/pipe": "^2" }, access);
    expect(requests).toEqual([]);
  });

  test("is not what may change: a yanked version's mark is none", async () => {
    const [tools] = lock.packages.filter((entry) => entry.name === "rise/tools");
    await site.sign("rise/tools", tools?.digest ?? "", "yanked", "application/vnd.colonyos.cpm.yank.v1+json");
    const again = await site.lock({ "rise/pipe": "^2" });
    expect(formatLockfile(again)).toBe(formatLockfile(lock));
  });

  test("that is new makes no lockfile out of date, until its package is updated", async () => {
    const root = site.universe.sketch("me/app", "0.1.0", { dependencies: { "rise/pipe": "^2" } });
    writeProjectLock(root, lock);
    const [tools] = lock.packages.filter((entry) => entry.name === "rise/tools");
    const added = await site.sign("rise/tools", tools?.digest ?? "", "another");
    const kept = await lockProject({ project: readProject(root) }, site.fresh(), world);
    expect(formatLockfile(kept.lock)).toBe(formatLockfile(lock));
    const project = { project: readProject(root), update: new Set(["rise/tools"]) };
    const moved = await lockProject(project, site.fresh(), world);
    expect(moved.lock.packages.find((entry) => entry.name === "rise/tools")?.evidence).toContain(added);
  });

  test("is asked for by the fallback tag where there is no referrers API", async () => {
    const digest = lock.packages.find((entry) => entry.name === "rise/tools")?.digest;
    if (digest === undefined) throw new Error("it is locked");
    const old = createRegistryClient({
      registry: site.universe.registry.host,
      credentials: anonymous,
      userAgent: "test",
      async fetch(url, init) {
        if (new URL(url).pathname.includes("/referrers/")) return new Response(null, { status: 404 });
        const response = await fetch(url, init);
        response.headers.delete("oci-subject");
        return response;
      },
    });
    const attached = await attach(old.repository("rise/tools"), digest, "by a tag", signatureType);
    const metadata = new PackageMetadata({
      registry: () => old,
      cacheDirectory: site.path("listings"),
      clock: site.universe.clock,
    });
    expect(await metadata.evidence(old.registry, named("rise/tools"), digest)).toEqual([attached]);
  });

  test("beyond all measure is refused (lock/too-much-evidence)", async () => {
    const access = site.fresh();
    const many = Array.from(
      { length: maxEvidence + 1 },
      (_, index) => `sha256:${index.toString(16).padStart(64, "0")}`,
    );
    access.metadata.evidence = async () => many as never;
    expect((await failure(() => site.lock({ "rise/pipe": "^2" }, access))).code).toBe("lock/too-much-evidence");
  });

  test("that vanished stops nobody from installing, but no bundle can be made", async () => {
    const gone = {
      ...lock,
      packages: lock.packages.map((entry) => ({
        ...entry,
        evidence: [entry.digest.replace(/.{4}$/, "0000") as never],
      })),
    };
    const source = parsePackageSource("rise/pipe");
    expect(await collectPackages(source, site.fresh(), { world, lock: gone })).toHaveLength(2);
    const error = await failure(() => site.create(gone));
    expect(error.code).toBe("bundle/evidence-missing");
    expect(readdirSync(site.universe.folder).filter((name) => name.includes("bundle"))).toEqual([]);
  });
});

describe("a bundle", () => {
  test("of the same lockfile has the same bytes, and is an image layout", async () => {
    const [one, two] = [await site.create(lock), await site.create(lock)];
    expect(readFileSync(one.paths[0] ?? "").equals(readFileSync(two.paths[0] ?? ""))).toBe(true);
    expect(statSync(one.paths[0] ?? "").size).toBe(one.sizeBytes);
    const layout = await openLayoutFile(one.paths[0] ?? "");
    const { host } = site.universe.registry;
    const names = layout.index.manifests.map((entry) => entry.annotations?.["org.opencontainers.image.ref.name"]);
    expect(names).toEqual([`${host}/rise/pipe:2.0.0`, `${host}/rise/tools:1.0.0`, undefined, undefined, "bundle"]);
    // What is published or signed later changes nothing.
    await site.universe.publish("rise/tools", "1.1.0");
    await site.sign("rise/tools", digestOfTools(), "later");
    const three = await site.create(lock);
    expect(readFileSync(one.paths[0] ?? "").equals(readFileSync(three.paths[0] ?? ""))).toBe(true);
  });

  test("installs what the registry would, and verifies", async () => {
    const { paths } = await site.create(lock);
    await site.universe.registry.stop();
    expect(await install(paths)).toEqual(installed);
    const [verified] = await verifyBundles(await open(...paths));
    expect(verified).toMatchObject({ packages: 2, evidence: 2 });
  });

  test("keeps conditions and instances: what is left out and what is there twice is as from the registry", async () => {
    const { universe } = site;
    await universe.publish("rise/words", "1.0.0", { more: "multiInstance: true\ninputs: [{key: lang, type: string}]" });
    await universe.publish("rise/app", "1.0.0", {
      more: `inputs: [{key: signed, type: bool, default: false}]
dependencies:
  rise/tools: {version: ^1, when: "\${inputs.signed}"}
  rise/words: [{version: ^1, alias: english, with: {lang: en}}, {version: ^1, alias: swedish, with: {lang: sv}}]`,
    });
    const { paths } = await site.create(await site.lock({ "rise/app": "^1" }));
    const set = await open(...paths);
    expect(set.packages.map(({ name }): string => name)).toEqual(["rise/app", "rise/tools", "rise/words"]);
    const names = async (access: PackageAccess, ...assigned: readonly string[]) => {
      const given = assigned.map(parseAssignment);
      const packages = await collectPackages(parsePackageSource("rise/app"), access, { world, given });
      return packages.map(({ variant }): string => variant.manifest.name);
    };
    const offline = offlineAccess(set, site.path("scratch"));
    for (const access of [site.fresh(), offline]) {
      expect(await names(access)).toEqual(["rise/words", "rise/app"]);
      expect((await names(access, "signed=true")).toSorted()).toEqual(["rise/app", "rise/tools", "rise/words"]);
    }
  });

  test("gives the lockfile that the registry gave, evidence included", async () => {
    const { paths } = await site.create(lock);
    const access = offlineAccess(await open(...paths), site.path("scratch"));
    expect(formatLockfile(await site.lock({ "rise/pipe": "^2" }, access))).toBe(formatLockfile(lock));
  });

  test("of one platform holds that alone, and is not for a registry", async () => {
    const { paths, sizeBytes } = await site.create(lock, { platforms: ["linux/amd64"] });
    expect(sizeBytes).toBeLessThan((await site.create(lock)).sizeBytes);
    const set = await open(...paths);
    expect(inspectBundle(set.bundles[0] as never).packages.map((entry) => entry.platforms)).toEqual([
      [],
      ["linux/amd64"],
    ]);
    expect(await install(paths)).toEqual(installed);
    await verifyBundles(set);
    const error = await failure(() => pushBundles(set, "r.example", { registry: clientOf }));
    expect(error.code).toBe("bundle/partial");
    expect((await failure(() => site.create(lock, { platforms: ["linux/riscv64"] }))).code).toBe("package/no-platform");
  });

  test("that is not there is told", async () => {
    expect((await failure(() => open(site.path()))).code).toBe("bundle/not-found");
    const empty = site.path("folder");
    mkdirSync(empty);
    expect((await failure(() => open(empty))).code).toBe("bundle/not-found");
  });

  test("of other registries stands for none (bundle/other-registry)", async () => {
    const { paths } = await site.create(lock);
    const set = await open(...paths);
    const refused = await failure(() => offlineAccess(set, "", "other.example"));
    expect(refused.code).toBe("bundle/other-registry");
    expect(refused.message).toContain(site.universe.registry.host);
    const access = offlineAccess(set, "");
    for (const text of ["other.example/rise/pipe", "other.example/rise/pipe@2.0.0"]) {
      const error = await failure(() => collectPackages(parsePackageSource(text), access, { world }));
      expect(error.code).toBe("bundle/other-registry");
    }
    // A project that was locked with another registry does not take this one's packages.
    const swapped = { ...lock, packages: lock.packages.map((entry) => ({ ...entry, registry: "other.example" })) };
    const source = parsePackageSource("rise/pipe@^2");
    const error = await failure(() => collectPackages(source, access, { world, lock: swapped }));
    expect(error.code).toBe("lock/other-registry");
  });

  test("whose digests are not those of the project's lockfile is refused with both", async () => {
    const { paths } = await site.create(lock);
    const access = offlineAccess(await open(...paths), site.path("scratch"));
    const forged = `sha256:${"e".repeat(64)}` as never;
    const other = { ...lock, packages: lock.packages.map((entry) => ({ ...entry, digest: forged })) };
    const root = site.universe.sketch("me/app", "0.1.0", { dependencies: { "rise/pipe": "^2" } });
    const error = await failure(() => collectPackages({ kind: "path", path: root }, access, { world, lock: other }));
    expect(error.code).toBe("lock/digest-mismatch");
    expect(error.message).toContain(forged);
    expect(lock.packages.some((entry) => error.message.includes(entry.digest))).toBe(true);
  });

  test("of several registries is asked which (bundle/several-registries)", async () => {
    const other = await Site.open();
    try {
      const { paths } = await site.create(lock);
      const second = await other.create(await other.publishPipeline());
      const set = await open(...paths, ...second.paths);
      expect((await failure(() => offlineAccess(set, ""))).code).toBe("bundle/several-registries");
      expect(offlineAccess(set, "", other.universe.registry.host).defaultRegistry).toBe(other.universe.registry.host);
    } finally {
      await other.close();
    }
  });
});

describe("a thin bundle", () => {
  test("holds what the other lacks, and works with it only", async () => {
    const base = await site.create(lock);
    await site.universe.publish("rise/pipe", "2.1.0", {
      dependencies: { "rise/tools": "^1" },
      files: { "payload/pipe.txt": "newer" },
    });
    const newer = await site.lock({ "rise/pipe": "^2.1" });
    const { bundles } = await open(...base.paths);
    const without = bundles.map(({ id, layout }) => ({ id, sizeOf: layout.sizeOf.bind(layout) }));
    const delta = await site.create(newer, { without });
    expect(delta.needs).toEqual([base.id]);
    expect(delta.contents).toBeLessThan(5);
    const error = await failure(() => open(...delta.paths));
    expect([error.code, error.message.includes(base.id)]).toEqual(["bundle/needs-base", true]);
    const both = [...base.paths, ...delta.paths];
    expect((await install(both)).at(-1)).toBe("rise/pipe@2.1.0 payload/pipe.txt");
    expect(await install(both, "rise/pipe@2.0.0")).toEqual(installed);
    expect(await verifyBundles(await open(...both))).toHaveLength(2);
    const again = await site.create(newer, { without });
    expect(readFileSync(again.paths[0] ?? "").equals(readFileSync(delta.paths[0] ?? ""))).toBe(true);
    // A folder with both does as well.
    const folder = site.path("usb");
    mkdirSync(folder);
    both.forEach((path, index) => renameSync(path, join(folder, `${index}.bundle`)));
    expect(await install([folder], "rise/pipe@2.0.0")).toEqual(installed);
  });
});

describe("a bundle in parts", () => {
  let larges = 0;

  async function split(): Promise<readonly string[]> {
    const noise = crypto.getRandomValues(new Uint8Array(65_536));
    const large = new Uint8Array(65_536 * 4);
    for (let at = 0; at < large.length; at += noise.length) large.set(crypto.getRandomValues(noise), at);
    const version = `1.0.${++larges}`;
    await site.universe.publish("rise/large", version, { files: { "payload/large": large } });
    const { paths } = await site.create(await site.lock({ "rise/large": "^1" }), { maxPartBytes: 65_536 });
    return paths;
  }

  test("is the same bundle, by any part or their folder, and no part is too large", async () => {
    const paths = await split();
    expect(paths.length).toBeGreaterThan(4);
    for (const path of paths) expect(statSync(path).size).toBeLessThanOrEqual(65_536);
    for (const path of [paths[0], paths.at(-1)]) {
      const set = await open(path ?? "");
      expect(set.packages.map((entry) => entry.name as string)).toEqual(["rise/large"]);
      expect((await verifyBundles(set))[0]?.packages).toBe(1);
    }
    expect(await install([paths[2] ?? ""], "rise/large")).toEqual([`rise/large@1.0.${larges} payload/large`]);
    const folder = site.path("usb");
    mkdirSync(folder);
    for (const path of paths) renameSync(path, join(folder, path.split("/").at(-1) ?? ""));
    expect((await open(folder)).bundles).toHaveLength(1);
  });

  test("names the part that is missing", async () => {
    const paths = await split();
    rmSync(paths[1] ?? "");
    const error = await failure(() => open(paths[0] ?? ""));
    expect(error.code).toBe("split/part-missing");
    expect(error.message).toContain(paths[1]?.split("/").at(-1) ?? "?");
  });

  test("names the part that is another bundle's", async () => {
    const [one, two] = [await split(), await split()];
    expect(one.length).toBe(two.length);
    renameSync(two[1] ?? "", one[1] ?? "");
    const error = await failure(() => open(one[0] ?? ""));
    expect(error.code).toBe("split/part-foreign");
    expect(error.message).toContain(one[1]?.split("/").at(-1) ?? "?");
  });

  test("is not written in parts too small to be worth it", async () => {
    expect((await failure(() => site.create(lock, { maxPartBytes: 1000 }))).code).toBe("split/part-size");
  });
});

describe("a bundle and registries", () => {
  test("is pushed whole with its signatures, and again changes nothing", async () => {
    const { paths } = await site.create(lock);
    const set = await open(...paths);
    const target = await Universe.open();
    try {
      const { host } = target.registry;
      const pushed = await pushBundles(set, host, { registry: clientOf });
      expect(pushed.map(({ name, present, evidence }) => [name, present, evidence])).toEqual([
        ["rise/tools", false, 1],
        ["rise/pipe", false, 1],
      ]);
      for (const { name, digest, version, evidence } of lock.packages) {
        const repository = clientOf(host).repository(name);
        expect((await repository.resolve(version.text))?.digest).toBe(digest);
        expect((await repository.referrers(digest)).map((entry) => entry.digest)).toEqual([...evidence]);
      }
      const again = await pushBundles(set, host, { registry: clientOf });
      expect(again.map(({ present, sentBytes }) => [present, sentBytes])).toEqual([
        [true, 0],
        [true, 0],
      ]);
      const conflict = await Universe.open();
      try {
        await conflict.publish("rise/tools", "1.0.0", { note: "other bytes" });
        const error = await failure(() => pushBundles(set, conflict.registry.host, { registry: clientOf }));
        expect(error.code).toBe("registry/conflict");
      } finally {
        await conflict.close();
      }
    } finally {
      await target.close();
    }
  });

  test("is served as a registry: to resolve with, to copy from, and to read parts of", async () => {
    const { paths } = await site.create(lock);
    const server = serveBundles(createBundleHandler(await open(...paths)), 0);
    try {
      const client = clientOf(server.host);
      await client.ping();
      for (const { name, version, digest, evidence } of lock.packages) {
        const [bundled, real] = [client.repository(name), clientOf(site.universe.registry.host).repository(name)];
        expect(await bundled.tags()).toEqual(await real.tags());
        expect(await bundled.resolve(version.text)).toEqual(await real.resolve(version.text));
        expect(await bundled.referrers(digest)).toEqual(await real.referrers(digest));
        expect(evidence).toHaveLength(1);
        const listed = await client.packageVersions(name);
        expect(listed === "unchanged" || listed === undefined ? [] : listed.versions).toMatchObject([{ digest }]);
        if (typeof listed === "object")
          expect(await client.packageVersions(name, { etag: listed.etag })).toBe("unchanged");
      }
      const layer = lock.packages[0]?.variants[0]?.layers[0];
      const get = async (headers: Record<string, string>) =>
        fetch(`http://${server.host}/v2/rise/pipe/blobs/${layer?.digest}`, { headers });
      const whole = new Uint8Array(await (await get({})).arrayBuffer());
      expect(whole.length).toBe(layer?.sizeBytes ?? 0);
      const part = await get({ range: "bytes=3-9" });
      expect([part.status, part.headers.get("content-range")]).toEqual([206, `bytes 3-9/${whole.length}`]);
      expect(new Uint8Array(await part.arrayBuffer())).toEqual(whole.slice(3, 10));
      expect((await get({ range: "bytes=999999-" })).status).toBe(416);
    } finally {
      await server.stop();
    }
  });

  test("served, answers what it has not and what it does not do in the protocol's words", async () => {
    const { paths } = await site.create(lock);
    const handle = createBundleHandler(await open(...paths));
    const ask = async (path: string, method = "GET") => {
      const response = await handle(new Request(`http://bundle${path}`, { method }));
      const body = (await response.json()) as { errors?: { code: string }[] };
      return [response.status, body.errors?.[0]?.code];
    };
    const nobody = `sha256:${"0".repeat(64)}`;
    expect(await ask("/v2/rise/nothing/tags/list")).toEqual([404, "NAME_UNKNOWN"]);
    expect(await ask("/v2/rise/pipe/manifests/9.9.9")).toEqual([404, "MANIFEST_UNKNOWN"]);
    expect(await ask(`/v2/rise/pipe/blobs/${nobody}`)).toEqual([404, "BLOB_UNKNOWN"]);
    expect(await ask("/v2/rise/pipe/blobs/sha256:no")).toEqual([400, "DIGEST_INVALID"]);
    expect(await ask("/v2/rise/pipe/blobs/uploads/", "POST")).toEqual([405, "UNSUPPORTED"]);
    expect(await ask(`/v2/rise/pipe/referrers/${nobody}`)).toEqual([200, undefined]);
    expect(await ask("/v2/_catalog")).toEqual([200, undefined]);
    expect(named("rise/pipe") as string).toBe("rise/pipe");
    expect(bundleAccess).toBeDefined();
  });
});
