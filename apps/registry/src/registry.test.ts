import { afterAll, describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAccounts } from "./access/accounts.ts";
import { openSqliteDatabase } from "./database/sqlite-database.ts";
import { ociAnswers, registryErrors } from "./errors.ts";
import type { PackageRow } from "./metadata.ts";
import { openRegistry } from "./registry.ts";
import { serveRegistry } from "./serve.ts";

const scratch = mkdtempSync(join(tmpdir(), "cpm-registry-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
let count = 0;
const fresh = (): string => mkdtempSync(join(scratch, `${count++}-`));

describe("opening a registry", () => {
  test("is for one at a time", async () => {
    const dataDirectory = fresh();
    const first = await openRegistry({ dataDirectory });
    await expect(openRegistry({ dataDirectory })).rejects.toMatchObject({ code: "registry-server/locked" });
    await first.close();
    await (await openRegistry({ dataDirectory })).close();
  });

  test("of a newer one, or of what is no database, is refused and leaves no lock", async () => {
    const dataDirectory = fresh();
    await (await openRegistry({ dataDirectory })).close();
    const database = new Database(join(dataDirectory, "registry.db"));
    database.run("PRAGMA user_version = 99");
    database.close();
    for (let time = 0; time < 2; time++)
      await expect(openRegistry({ dataDirectory })).rejects.toMatchObject({ code: "registry-server/layout-version" });
    const other = fresh();
    writeFileSync(join(other, "registry.db"), "this is no database, only text that is long enough to be looked at");
    for (let time = 0; time < 2; time++)
      await expect(openRegistry({ dataDirectory: other })).rejects.toMatchObject({ code: "registry-server/database" });
  });

  test("of the first version brings its repositories into public namespaces, however many open it at once", async () => {
    const dataDirectory = fresh();
    const path = join(dataDirectory, "registry.db");
    const old = new Database(path, { create: true });
    old.run(readFileSync(join(import.meta.dir, "database/migrations/sqlite/0001-initial.sql"), "utf8"));
    old.run("INSERT INTO repositories (name) VALUES ('acme/web'), ('acme/db'), ('solo'), ('lab/a/b')");
    old.run("INSERT INTO uploads (id, repository, created_at) VALUES ('x', 'acme/web', 1)");
    old.run("PRAGMA user_version = 1");
    old.close();
    const module = join(import.meta.dir, "database/sqlite-database.ts");
    const open = `const { openSqliteDatabase } = await import(${JSON.stringify(module)});
      await (await openSqliteDatabase(${JSON.stringify(path)})).close();`;
    const children = [1, 2, 3].map(() =>
      Bun.spawn([process.execPath, "-e", open], { stdio: ["ignore", "ignore", "inherit"] }),
    );
    expect(await Promise.all(children.map((child) => child.exited))).toEqual([0, 0, 0]);
    const database = await openSqliteDatabase(path);
    const { namespaces } = createAccounts(database, () => 0);
    expect(await namespaces.list([])).toEqual(
      ["acme", "lab", "solo"].map((name) => ({ name, private: false, members: [] })),
    );
    await database.close();
  });

  test("of a version without downloads and filters is searched by what its packages were published with", async () => {
    const dataDirectory = fresh();
    const old = new Database(join(dataDirectory, "registry.db"), { create: true });
    for (const name of ["0001-initial", "0002-access", "0003-publishers", "0004-objects"])
      old.run(readFileSync(join(import.meta.dir, `database/migrations/sqlite/${name}.sql`), "utf8"));
    old.run("INSERT INTO namespaces (name, private, created_at) VALUES ('acme', 0, 1)");
    const publish = (name: string, version: string, manifest: object) => {
      const [id] = old
        .query(
          "INSERT INTO packages (name, version, description, keywords, updated_at) VALUES (?, ?, '', '', 1) ON CONFLICT (name) DO UPDATE SET version = excluded.version RETURNING id",
        )
        .values(name, version)
        .flat();
      old.run(
        "INSERT INTO versions (package_id, version, digest, size_bytes, manifest, published_at) VALUES (?, ?, ?, 1, ?, 1)",
        [Number(id), version, `sha256:${version}`, JSON.stringify(manifest)],
      );
    };
    publish("acme/web", "1.0.0", { keywords: ["old"], requires: { executors: [{ type: "old-executor" }] } });
    publish("acme/web", "2.0.0", {
      keywords: ["http"],
      requires: { executors: [{ type: "local-executor" }] },
      payload: [{ include: ["a"] }, { include: ["b"], platform: "linux/amd64" }],
    });
    publish("acme/plain", "1.0.0", {});
    old.run("PRAGMA user_version = 4");
    old.close();
    const registry = await openRegistry({ dataDirectory });
    const found = async (query: string) => {
      const answer = await registry.fetch(new Request(`http://registry.test/api/v1/search?${query}`));
      return (await answer.json()).results.map(({ name, downloads }: PackageRow) => `${name} ${downloads.total}`);
    };
    expect(await found("keyword=http")).toEqual(["acme/web 0"]);
    expect(await found("keyword=old")).toEqual([]);
    expect(await found("executor=local-executor&platform=linux/amd64")).toEqual(["acme/web 0"]);
    expect(await found("executor=old-executor")).toEqual([]);
    expect(await found("platform=linux/arm64")).toEqual(["acme/plain 0"]);
    expect(await found("owner=acme")).toEqual(["acme/plain 0", "acme/web 0"]);
    await registry.close();
  });

  test("on an address that is taken says so, and gives its directory back", async () => {
    const dataDirectory = fresh();
    const first = await serveRegistry({ dataDirectory: fresh(), hostname: "127.0.0.1", port: 0 });
    const port = Number(first.host.split(":")[1]);
    await expect(serveRegistry({ dataDirectory, hostname: "127.0.0.1", port })).rejects.toMatchObject({
      code: "registry-server/address",
    });
    await first.stop();
    await (await openRegistry({ dataDirectory })).close();
  });
});

test("every error that is answered is one of ours or of what we use, under a code of its own", () => {
  for (const code of Object.keys(registryErrors)) expect(code).toStartWith("registry-server/");
  const own = Object.keys(ociAnswers).filter((code) => code.startsWith("registry-server/"));
  for (const code of own) expect(Object.keys(registryErrors)).toContain(code);
});
