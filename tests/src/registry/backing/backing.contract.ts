import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { formatManifest, referrersTag } from "@cpm/oci";
import type { Descriptor } from "@cpm/oci";
import type { RegistryClient } from "@cpm/registry-client";
import { imageOf } from "@cpm/registry/testing";
import { copyGraph, digestOf } from "@cpm/store";
import { describeStore, put } from "@cpm/store/testing";
import { writeSamplePackage } from "../../cli/sample-package.ts";
import type { Workplace } from "../../cli/workplace.ts";
import { openWorkplace } from "../../cli/workplace.ts";
import { clientOf, codeOf, someBytes } from "../testing.ts";
import type { BackingRegistry, StartBacking } from "./backing-registry.ts";

/** A cold build on a busy machine. */
const installTimeoutMs = 15 * 60_000;

export interface BackingUnderTest {
  readonly start: StartBacking;
  /** The code of its refusal to remove a tag, where it cannot. */
  readonly untagRefused?: string;
}

/** What any OCI registry must be good for: packages are published to it and installed from it, without an index. */
export function describeBacking(name: string, { start, untagRefused }: BackingUnderTest): void {
  describe(`${name} as the registry of packages`, () => {
    let backing: BackingRegistry;
    let place: Workplace;
    beforeAll(async () => {
      backing = await start();
      place = await openWorkplace();
      await place.addIdleExecutor("local-executor");
      writeSamplePackage(place, "sample", "rise/sample", "local-executor");
    }, installTimeoutMs);
    afterAll(async () => {
      await place.stop();
      await backing.stop();
    });

    const cpm = (argv: readonly string[], stdin = "") =>
      place.cpm(argv, { env: { CPM_REGISTRY: backing.host }, stdin });
    function clientWith(password?: string): RegistryClient {
      const { host, username } = backing;
      if (password === undefined) return clientOf(host);
      return clientOf(host, { credentials: { get: async () => ({ kind: "password", username, password }) } });
    }
    const client = (): RegistryClient => clientWith(backing.password);

    test("cpm signs in, publishes, reads back and installs", async () => {
      const login = ["login", backing.host, "-u", backing.username, "--password-stdin"];
      const unknown = await cpm(["publish", "sample", "--json"]);
      expect([unknown.status, JSON.parse(unknown.stderr).error.code]).toEqual([4, "registry/unauthorized"]);
      expect((await cpm(login, "wrong\n")).status).toBe(4);
      expect((await cpm(login, `${backing.password}\n`)).status).toBe(0);
      await succeeds(cpm(["publish", "sample"]));
      await succeeds(cpm(["publish", "sample"]));
      expect((await succeeds(cpm(["resolve", "rise/sample"]))).stdout).toContain("1.0.0");
      expect((await succeeds(cpm(["info", "rise/sample"]))).stdout).toContain("1.0.0");
      await succeeds(cpm(["install", "rise/sample", "--name", "from-backing"]));
      const status = await succeeds(cpm(["status", "from-backing", "--json"]));
      expect(JSON.parse(status.stdout)).toMatchObject({ release: "from-backing", phase: "deployed" });
    }, 120_000);

    test("another content under a version that is there is refused, though the registry would take it", async () => {
      await cpm(["login", backing.host, "-u", backing.username, "--password-stdin"], `${backing.password}\n`);
      writeSamplePackage(place, "fixed", "rise/fixed", "local-executor");
      await succeeds(cpm(["publish", "fixed"]));
      place.write("fixed/payload/run.sh", "#!/bin/sh\necho changed\n");
      const refused = await cpm(["publish", "fixed", "--json"]);
      expect([refused.status, JSON.parse(refused.stderr).error.code]).toEqual([6, "package/version-exists"]);
    }, 60_000);

    test("what refers to a package is kept under the fallback tag", async () => {
      const repository = client().repository("rise/referred");
      const subject = await pushImage(repository, {}, ["1.0.0"]);
      const first = await pushImage(repository, { subject, artifactType: "x/signature" }, []);
      const second = await pushImage(repository, { subject, artifactType: "x/provenance" }, []);
      const listed = await client().repository("rise/referred").referrers(subject.digest);
      expect(listed.map(({ digest }) => digest).toSorted()).toEqual([first.digest, second.digest].toSorted());
      expect(new Set(listed.map(({ artifactType }) => artifactType))).toEqual(new Set(["x/provenance", "x/signature"]));
      expect(await repository.tags()).toEqual(["1.0.0", referrersTag(subject.digest)]);
    });

    test("a yank that was copied along keeps its version from being chosen", async () => {
      await cpm(["login", backing.host, "-u", backing.username, "--password-stdin"], `${backing.password}\n`);
      for (const version of ["1.0.0", "1.1.0"]) {
        const yaml = `apiVersion: cpm/v1\nname: rise/yanked\nversion: ${version}\ndescription: A test.\n`;
        place.write("yanked/colony.yaml", yaml);
        await succeeds(place.cpm(["publish", "./yanked"]));
      }
      await succeeds(place.cpm(["yank", "rise/yanked@1.1.0", "--reason", "Loses data."]));
      const [from, to] = [clientOf(place.registry.host), client()].map((each) => each.repository("rise/yanked"));
      if (from === undefined || to === undefined) throw new TypeError("two were made");
      for (const tag of await from.tags()) {
        const root = await from.resolve(tag);
        if (root === undefined) throw new TypeError("it was published");
        await copyGraph(from, to, root, { tags: [tag] });
        for (const mark of await from.referrers(root.digest)) await copyGraph(from, to, mark);
      }
      const chosen = JSON.parse((await succeeds(cpm(["resolve", "rise/yanked", "--json"]))).stdout);
      expect(chosen).toMatchObject([{ version: "1.0.0" }]);
      const named = JSON.parse((await succeeds(cpm(["resolve", "rise/yanked@1.1.0", "--json"]))).stdout);
      expect(named).toMatchObject([{ version: "1.1.0", yanked: "Loses data." }]);
      const refused = await cpm(["yank", "rise/yanked@1.0.0", "--reason", "Slow.", "--json"]);
      expect(JSON.parse(refused.stderr).error.code).toBe("registry/no-index");
    }, 60_000);

    test("nobody and a wrong password are refused", async () => {
      for (const other of [clientWith(), clientWith("wrong")]) {
        const repository = other.repository("rise/sample");
        expect(await codeOf(repository.resolve("1.0.0"))).toBe("registry/unauthorized");
        expect(await codeOf(put(repository, someBytes(100)))).toBe("registry/unauthorized");
      }
    });

    let count = 0;
    describeStore(`a repository of ${name}`, async () => {
      const path = `store/repository-${count++}`;
      return {
        store: client().repository(path),
        again: async () => client().repository(path),
        dispose: async () => {},
        ...(untagRefused === undefined ? {} : { untagRefused }),
      };
    });
  });
}

async function succeeds(run: Promise<{ status: number; stdout: string; stderr: string }>) {
  const { status, stdout, stderr } = await run;
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  return { stdout, stderr };
}

async function pushImage(
  repository: ReturnType<RegistryClient["repository"]>,
  fields: Parameters<typeof imageOf>[0],
  tags: readonly string[],
): Promise<Descriptor> {
  await put(repository, new TextEncoder().encode("{}"));
  const manifest = imageOf(fields);
  const bytes = formatManifest(manifest);
  const descriptor = { mediaType: manifest.mediaType, digest: digestOf(bytes), sizeBytes: bytes.length };
  await repository.putManifest(descriptor, bytes, tags);
  return descriptor;
}
