import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { formatManifest } from "@cpm/oci";
import { basicHeader, openRegistryWithUsers, packageArtifact } from "../testing/index.ts";
import type { Credentials, PackageSourceFiles } from "../testing/index.ts";
import { localPath } from "./signin/controller.ts";

const registry = await openRegistryWithUsers({ limits: { failedSignInsPerMinute: 3 } });
const { call, accounts } = registry;
const by = { actor: "test", requestId: "test" };
const accept = "text/html,application/xhtml+xml,*/*;q=0.8";
let owner: Credentials;
let other: Credentials;

const get = (path: string, who?: Credentials, headers: Record<string, string> = {}, method = "GET") =>
  call(method, path, { headers: { accept, ...headers, ...(who === undefined ? {} : basicHeader(who)) } });

beforeAll(async () => {
  owner = await registry.addUser("owner");
  other = await registry.addUser("other");
  await accounts.namespaces.add("open", false, "owner", by);
  await accounts.namespaces.add("shut", true, "owner", by);
  await accounts.namespaces.add("bare", true, "owner", by);
  await publish({ name: "open/tool", version: "1.0.0", description: "Public.", keywords: ["c-c"], readme: "# Old" });
  await publish({ name: "open/tool", version: "1.1.0+build.1", description: "Public.", readme: "# New" });
  await publish({ name: "shut/tool", version: "1.0.0", description: "Private." });
});
afterAll(() => registry.dispose());

describe("pages", () => {
  test("show each version with its own README, also one with a build in its name", async () => {
    expect(await (await get("/packages/open/tool")).text()).toContain(">New</h3>");
    expect(await (await get("/packages/open/tool/1.0.0")).text()).toContain(">Old</h3>");
    for (const version of ["1.1.0+build.1", "1.1.0%2Bbuild.1"])
      expect(await (await get(`/packages/open/tool/${version}`)).text()).toContain("open/tool@1.1.0+build.1");
  });

  test("show the newest version that is not yanked, and say of the yanked one why and by whom", async () => {
    const path = "/api/v1/packages/open/tool/versions/1.1.0%2Bbuild.1/yank";
    const change = (method: string, body: object) =>
      call(method, path, { headers: basicHeader(owner), body: JSON.stringify(body) });
    expect((await change("PUT", { reason: "Loses <data>." })).status).toBe(200);
    expect(await (await get("/packages/open/tool")).text()).toContain(">Old</h3>");
    expect(await (await get("/?q=tool")).text()).toContain(">1.0.0</span>");
    const yanked = await (await get("/packages/open/tool/1.1.0+build.1")).text();
    for (const text of ["was yanked", "<bdi>owner</bdi>", "Loses &lt;data&gt;."]) expect(yanked).toContain(text);
    expect((await change("DELETE", {})).status).toBe(200);
    expect(await (await get("/packages/open/tool")).text()).toContain(">New</h3>");
  });

  test("name the owners of a namespace, and of its packages", async () => {
    for (const path of ["/packages/open/tool", "/namespaces/open"])
      expect(await (await get(path)).text()).toContain("<bdi>owner</bdi>");
  });

  test("find what the query says, and nothing private for who may not see it", async () => {
    const anonymous = await (await get("/?q=tool")).text();
    expect(anonymous).toContain("open/tool");
    expect(anonymous).not.toContain("shut");
    expect(await (await get("/?q=tool", other)).text()).not.toContain("shut");
    expect(await (await get("/?q=tool", owner)).text()).toContain('href="/packages/shut/tool"');
    expect(await (await get(`/?q=${encodeURIComponent('"><script>')}`)).text()).not.toContain("<script>");
  });

  test("narrow a search by what the address says, and lead to each narrower and wider one", async () => {
    const narrowed = await (await get("/?q=tool&keyword=&keyword=c-c&owner=open")).text();
    expect(narrowed).toContain("0 packages");
    for (const path of ["/?q=tool&amp;owner=open", "/?q=tool&amp;keyword=c-c", "/?q=tool"])
      expect(narrowed).toContain(`href="${path}"`);
    expect(narrowed).toContain('<input type="hidden" name="keyword" value="c-c" />');
    expect(await (await get("/?owner=open&platform=linux/amd64")).text()).toContain("open/tool");
    expect(await (await get("/?owner=owner", owner)).text()).toContain("shut/tool");
    expect(await (await get("/?owner=owner")).text()).not.toContain("shut/tool");
    expect((await get("/?platform=linux")).status).toBe(400);
  });

  test.each([
    ["/packages/shut/tool", "/packages/shut/none", "shut/none", "shut/tool"],
    ["/packages/shut/tool/1.0.0", "/packages/none/tool/1.0.0", "none/tool", "shut/tool"],
    ["/namespaces/shut", "/namespaces/none", "none", "shut"],
    ["/namespaces/bare", "/namespaces/none", "none", "bare"],
  ])("answer %p to who may not see it as %p", async (hidden, missing, missingName, hiddenName) => {
    for (const who of [undefined, other]) {
      const [left, right] = [await get(hidden, who), await get(missing, who)];
      expect([left.status, right.status]).toEqual([404, 404]);
      const inOther = (text: string) =>
        text.replaceAll(encodeURIComponent(missing), encodeURIComponent(hidden)).replaceAll(missingName, hiddenName);
      expect(await left.text()).toBe(inOther(await right.text()));
    }
    expect((await get(hidden, owner)).status).toBe(200);
  });

  test("are answered once more only when they changed, and HEAD as GET", async () => {
    for (const path of ["/", "/packages/open/tool", "/namespaces/open"]) {
      const first = await get(path);
      const etag = first.headers.get("etag") ?? "";
      expect((await get(path, undefined, { "if-none-match": `"x", W/${etag}` })).status).toBe(304);
      expect((await get(path, undefined, { "if-none-match": '"x"' })).status).toBe(200);
      const head = await get(path, undefined, {}, "HEAD");
      expect([head.status, await head.text()]).toEqual([200, ""]);
      for (const name of ["etag", "content-length", "content-type"])
        expect(head.headers.get(name)).toBe(first.headers.get(name));
    }
  });

  test("let nothing in and nothing out, and are kept by no shared cache", async () => {
    for (const path of ["/", "/packages/open/tool", "/nothing", "/signin"]) {
      const { headers } = await get(path);
      expect(headers.get("content-security-policy")).toStartWith(
        "default-src 'none'; style-src 'self'; script-src 'self'",
      );
      expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'; base-uri 'none'");
      expect([headers.get("x-content-type-options"), headers.get("referrer-policy")]).toEqual([
        "nosniff",
        "no-referrer",
      ]);
      expect(headers.get("cache-control")).not.toContain("public");
    }
  });

  test("name their style, script and icon by their hash, for ever", async () => {
    const page = await (await get("/")).text();
    const paths = new Set([...page.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path = ""]) => path));
    expect(paths.size).toBe(3);
    for (const path of paths) {
      const answer = await get(path);
      expect(answer.headers.get("cache-control")).toContain("immutable");
      expect((await answer.text()).length).toBeGreaterThan(100);
      expect((await get(path, undefined, { "if-none-match": answer.headers.get("etag") ?? "" })).status).toBe(304);
    }
  });

  test("are no page for what has too many parts, no name, or a parameter that is no number", async () => {
    const paths = [
      "/packages",
      "/packages/open",
      "/packages/open/tool/",
      "/packages/open/tool/1.0.0/x",
      "/packages/Open/%2e%2e",
      "/packages/open/tool/9.9.9",
      "/namespaces/%ff",
      "/assets/site.css",
    ];
    for (const path of paths) expect([path, (await get(path)).status]).toEqual([path, 404]);
    expect((await get("/?page=x")).status).toBe(400);
    expect((await get("/?page=999999999")).status).toBe(200);
    expect((await get("/", undefined, {}, "POST")).status).toBe(404);
  });
});

describe("errors", () => {
  test("are pages for browsers, and JSON for programs and under the paths of programs", async () => {
    const typeOf = async (path: string, header: string) =>
      (await call("GET", path, { headers: { accept: header } })).headers.get("content-type");
    expect(await typeOf("/packages/open/none", accept)).toBe("text/html; charset=utf-8");
    for (const header of ["application/json", "*/*", "", "text/html;q=0.5, application/json", "text/html;q=0"])
      expect([header, await typeOf("/packages/open/none", header)]).toEqual([header, "application/json"]);
    for (const path of [
      "/v2/open/tool/manifests/9",
      "/api/v1/packages/open/none",
      "/token?scope=x&service=y&account=z&offline_token=1",
      "/metrics",
    ])
      expect(await typeOf(path, accept)).toBe("application/json");
  });

  test("say that too many wrong passwords came, and when to try again", async () => {
    const wrong = { username: "nobody", password: "wrong" };
    let answer = await get("/signin", wrong);
    for (let turn = 0; turn < 4 && answer.status === 401; turn++) answer = await get("/signin", wrong);
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await answer.text()).toContain("<h1>Too many requests</h1>");
  });
});

describe("signing in", () => {
  test("asks by Basic, at no other path, and leads back", async () => {
    const asked = await get("/signin?to=/packages/shut/tool");
    expect([asked.status, asked.headers.get("www-authenticate")]).toEqual([
      401,
      'Basic realm="registry.test", charset="UTF-8"',
    ]);
    const done = await get("/signin?to=/packages/shut/tool%3Fa=b", owner);
    expect([done.status, done.headers.get("location")]).toEqual([303, "/packages/shut/tool?a=b"]);
    const wrong = await get("/packages/open/tool", { username: "someone", password: "wrong" });
    expect([wrong.status, wrong.headers.get("www-authenticate")?.split(" ")[0]]).toEqual([401, "Bearer"]);
    expect(await wrong.text()).toContain("/signin?to=");
  });

  test.each([
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "/.//evil.example",
    "/x/..//evil.example",
    "/\t/evil.example",
    "",
    "/signin?to=/signin",
  ])("leads to no other site: %p", (to) => expect(localPath(to)).toBe("/"));

  test("lets no page of any site change something with a browser's password", async () => {
    const body = JSON.stringify({ label: "x", scopes: ["read"] });
    const ask = (headers: Record<string, string>) =>
      call("POST", "/api/v1/tokens", {
        headers: { ...basicHeader(owner), "content-type": "application/json", ...headers },
        body,
      });
    for (const headers of [
      { origin: "https://evil.example" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-origin" },
    ])
      expect((await ask(headers)).status).toBe(403);
    expect((await ask({})).status).toBe(201);
  });
});

async function publish(files: PackageSourceFiles): Promise<void> {
  const { manifest, blobs } = await packageArtifact(files);
  for (const [digest, body] of blobs)
    await registry.asUser(owner, "POST", `/v2/${files.name}/blobs/uploads/?digest=${digest}`, { body });
  const headers = { "content-type": manifest.mediaType };
  const tag = files.version.replace("+", "_");
  const options = { headers, body: formatManifest(manifest) };
  const { status } = await registry.asUser(owner, "PUT", `/v2/${files.name}/manifests/${tag}`, options);
  if (status !== 201) throw new Error(`the package was answered with ${status}`);
}
