import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Identity } from "@cpm/colonies";
import { formatManifest } from "@cpm/oci";
import { basicHeader, packageArtifact } from "@cpm/registry/testing";
import type { PackageArtifact } from "@cpm/registry/testing";
import { textToSign } from "@cpm/registry-client";
import { digestOf } from "@cpm/store";
import type { RegistryProcess } from "./registry-process.ts";
import { serversMode } from "./storage-mode.ts";
import type { OpenStorage } from "./storage-mode.ts";
import { someBytes } from "./testing.ts";

const { reason } = serversMode;
if (reason !== undefined) process.stdout.write(`replicas are not tested: ${reason}\n`);

const publicUrl = "https://packages.example.org";
const key = Identity.generate();

describe.skipIf(reason !== undefined)("three replicas on one PostgreSQL and one S3", () => {
  let storage: OpenStorage;
  let replicas: readonly [RegistryProcess, RegistryProcess, RegistryProcess];
  let token = { username: "token", password: "" };

  beforeAll(async () => {
    storage = await serversMode.open();
    const start = () => storage.start({ open: false, args: ["--public-url", publicUrl] });
    // At once, on a database without tables.
    replicas = await Promise.all([start(), start(), start()]);
    for (const args of [
      ["user", "add", "root", "--admin", "--no-password"],
      ["user", "add", "nina", "--no-password", "--identity", key.id],
      ["namespace", "add", "acme", "--private", "--owner", "nina"],
    ])
      await storage.command(args);
    token = { username: "token", password: await storage.command(["token", "create", "nina", "--scope", "publish"]) };
  }, 120_000);
  afterAll(async () => {
    for (const replica of replicas) expect(await replica.end("SIGTERM")).toMatchObject({ exitCode: 0 });
    storage.close();
  });

  const ask = (replica: number, method: string, path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`http://${replicas[replica % replicas.length]?.host}${path}`, {
      method,
      ...init,
      headers: { ...basicHeader(token), ...(init.headers as Record<string, string> | undefined) },
    });
  const post = (replica: number, path: string, body: object, who = token): Promise<Response> =>
    ask(replica, "POST", path, { body: JSON.stringify(body), headers: basicHeader(who) });
  const begin = async (replica: number, repository: string): Promise<string> =>
    (await ask(replica, "POST", `/v2/${repository}/blobs/uploads/`)).headers.get("location") ?? "";
  const read = async (replica: number, repository: string, digest: string): Promise<string> => {
    const answer = await ask(replica, "GET", `/v2/${repository}/blobs/${digest}`);
    return `${answer.status} ${digestOf(new Uint8Array(await answer.arrayBuffer()))}`;
  };

  test("an upload is begun at one, gone on with at another and finished at the third", async () => {
    const bytes = someBytes(20_000_000, 11);
    const digest = digestOf(bytes);
    const location = await begin(0, "acme/roaming");
    const send = (replica: number, method: string, query: string, start: number, end: number) =>
      ask(replica, method, `${location}${query}`, {
        body: bytes.slice(start, end),
        headers: { "content-range": `${start}-${end - 1}` },
      });
    expect((await send(0, "PATCH", "", 0, 300_000)).status).toBe(202);
    expect((await send(1, "PATCH", "", 300_000, 12_000_000)).status).toBe(202);
    const status = await ask(2, "GET", location);
    expect([status.status, status.headers.get("range")]).toEqual([204, "0-11999999"]);
    expect((await send(0, "PATCH", "", 300_000, 400_000)).status).toBe(416);
    expect((await send(2, "PUT", `?digest=${digest}`, 12_000_000, bytes.length)).status).toBe(201);
    for (const replica of [0, 1, 2]) expect(await read(replica, "acme/roaming", digest)).toBe(`200 ${digest}`);
    expect((await ask(1, "GET", location)).status).toBe(404);
  }, 60_000);

  test("an upload goes on elsewhere when its replica is killed in the midst of it", async () => {
    const bytes = someBytes(10_000_000, 12);
    const digest = digestOf(bytes);
    const doomed = await storage.start({ open: false, failpoint: "upload/received" });
    const begun = await fetch(`http://${doomed.host}/v2/acme/killed/blobs/uploads/`, {
      method: "POST",
      headers: basicHeader(token),
    });
    const location = begun.headers.get("location") ?? "";
    const send = (method: string, query: string, start: number, end: number) =>
      fetch(`http://${doomed.host}${location}${query}`, {
        method,
        body: bytes.slice(start, end),
        headers: { ...basicHeader(token), "content-range": `${start}-${end - 1}` },
      });
    expect((await send("PATCH", "", 0, 300_000)).status).toBe(202);
    const put = send("PUT", `?digest=${digest}`, 300_000, bytes.length);
    expect(await put.catch(() => "no answer")).toBe("no answer");
    await doomed.ended;
    const stands = Number((await ask(1, "GET", location)).headers.get("range")?.split("-")[1]) + 1;
    expect(stands).toBeGreaterThanOrEqual(300_000);
    const rest = bytes.slice(stands);
    const headers: Record<string, string> =
      rest.length === 0 ? {} : { "content-range": `${stands}-${bytes.length - 1}` };
    const finished = await ask(2, "PUT", `${location}?digest=${digest}`, { body: rest, headers });
    expect(finished.status).toBe(201);
    expect(await read(0, "acme/killed", digest)).toBe(`200 ${digest}`);
  }, 60_000);

  test("thirty-two clients push one blob through all of them", async () => {
    const bytes = someBytes(1_000_000, 13);
    const digest = digestOf(bytes);
    const pushes = Array.from({ length: 32 }, async (_, client) => {
      const location = await begin(client, "acme/same");
      const half = 400_000 + client;
      const first = await ask(client + 1, "PATCH", location, { body: bytes.slice(0, half) });
      const last = await ask(client + 2, "PUT", `${location}?digest=${digest}`, {
        body: bytes.slice(half),
        headers: { "content-range": `${half}-${bytes.length - 1}` },
      });
      return [first.status, last.status];
    });
    expect(await Promise.all(pushes)).toEqual(Array.from({ length: 32 }, () => [202, 201]));
    for (const replica of [0, 1, 2]) expect(await read(replica, "acme/same", digest)).toBe(`200 ${digest}`);
  }, 120_000);

  test("a token that one gave out is good at the others, and no longer once it is revoked", async () => {
    const login = await ask(0, "GET", "/token?scope=repository:acme/same:pull");
    const access = { authorization: `Bearer ${(await login.json()).token}` };
    const list = (replica: number, headers: Record<string, string>) =>
      ask(replica, "GET", "/v2/acme/same/tags/list", { headers }).then(({ status }) => status);
    expect(await Promise.all([0, 1, 2].map((replica) => list(replica, access)))).toEqual([200, 200, 200]);

    const made = await storage.command(["token", "create", "nina", "--scope", "read", "--json"]);
    const { id, secret } = JSON.parse(made) as { id: string; secret: string };
    const own = basicHeader({ username: "token", password: secret });
    expect(await Promise.all([0, 1, 2].map((replica) => list(replica, own)))).toEqual([200, 200, 200]);
    await storage.command(["token", "revoke", id]);
    expect(await Promise.all([0, 1, 2].map((replica) => list(replica, own)))).toEqual([401, 401, 401]);
  }, 60_000);

  test("a challenge of one is answered at any other, and once among all", async () => {
    const challenge = await post(0, "/api/v1/login/challenge", {});
    const { nonce } = (await challenge.json()) as { nonce: string };
    const signature = key.sign(textToSign("sign in", new URL(publicUrl).host, nonce));
    const answers = await Promise.all([0, 1, 2].map((replica) => post(replica, "/api/v1/login", { nonce, signature })));
    expect(answers.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([201, 401, 401]);
  }, 60_000);

  test("of three who publish one version with other bytes one does, and all replicas say the same", async () => {
    const rivals = await Promise.all(
      ["one", "two", "three"].map((description) =>
        packageArtifact({ name: "acme/rivals", version: "1.0.0", description }),
      ),
    );
    await Promise.all(rivals.map((rival, replica) => pushBlobs(replica, rival)));
    const publish = (replica: number, { manifest }: PackageArtifact) =>
      ask(replica, "PUT", "/v2/acme/rivals/manifests/1.0.0", { body: formatManifest(manifest) });
    const answers = await Promise.all(rivals.map((rival, replica) => publish(replica, rival)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.toSorted((left, right) => left - right)).toEqual([201, 409, 409]);
    for (const answer of answers.filter(({ status }) => status === 409))
      expect((await answer.json()).errors[0].detail.code).toBe("registry-server/version-exists");
    const winner = rivals[statuses.indexOf(201)];
    const expected = winner === undefined ? "" : digestOf(formatManifest(winner.manifest));
    for (const replica of [0, 1, 2]) {
      const head = await ask(replica, "HEAD", "/v2/acme/rivals/manifests/1.0.0");
      expect(head.headers.get("docker-content-digest")).toBe(expected);
    }
    // The same once more is no rival.
    if (winner !== undefined) expect((await publish(2, winner)).status).toBe(201);
  }, 60_000);

  async function pushBlobs(replica: number, { blobs }: PackageArtifact): Promise<void> {
    for (const [digest, body] of blobs) {
      const answer = await ask(replica, "POST", `/v2/acme/rivals/blobs/uploads/?digest=${digest}`, { body });
      expect(answer.status).toBe(201);
    }
  }

  test("tags that many move at once end at the last one of them, everywhere", async () => {
    const repository = "acme/moving";
    const versions = await Promise.all(
      Array.from({ length: 12 }, (_, index) => packageArtifact({ name: repository, version: `1.0.${index}` })),
    );
    for (const { blobs } of versions)
      for (const [digest, body] of blobs)
        await ask(0, "POST", `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body });
    const moved = await Promise.all(
      versions.map(({ manifest }, replica) =>
        ask(replica, "PUT", `/v2/${repository}/manifests/latest`, { body: formatManifest(manifest) }),
      ),
    );
    expect(moved.map(({ status }) => status)).toEqual(versions.map(() => 201));
    const seen = await Promise.all(
      [0, 1, 2].map(async (replica) =>
        (await ask(replica, "HEAD", `/v2/${repository}/manifests/latest`)).headers.get("docker-content-digest"),
      ),
    );
    expect(new Set(seen).size).toBe(1);
    expect(versions.map(({ manifest }) => String(digestOf(formatManifest(manifest))))).toContain(String(seen[0]));
  }, 60_000);

  test("the log of changes has every push once, told apart by its request", async () => {
    await storage.command(["user", "add", "auditor", "--admin", "--password-stdin"], "a long password");
    const auditor = basicHeader({ username: "auditor", password: "a long password" });
    const answer = await ask(1, "GET", "/api/v1/audit?limit=100", { headers: auditor });
    const { entries } = (await answer.json()) as { entries: { action: string; subject: string; requestId: string }[] };
    const pushes = entries.filter(({ action, subject }) => action === "manifest.push" && subject === "acme/moving");
    expect(pushes).toHaveLength(12);
    expect(new Set(pushes.map(({ requestId }) => requestId)).size).toBe(12);
  }, 60_000);
});
