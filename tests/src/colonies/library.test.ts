import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbedded } from "./colony-under-test.ts";
import type { TestColony } from "./colony-under-test.ts";

const root = join(import.meta.dir, "../../..");
const library = join(root, "packages/colonies");
const node = findNode();
const npm = Bun.which("npm");

/** Node 22 from its npm package, or the machine's own where that is new enough. */
function findNode(): string | undefined {
  const name = `node-${process.platform}-${process.arch}`;
  try {
    const packed = join(Bun.resolveSync(`${name}/package.json`, import.meta.dir), "../bin/node");
    if (existsSync(packed)) return packed;
  } catch {
    // There is no such package for this platform: the machine's own may do.
  }
  const own = Bun.which("node");
  if (own === null) return undefined;
  const version = Bun.spawnSync([own, "--version"]).stdout.toString();
  return Number(/^v(\d+)/.exec(version)?.[1] ?? 0) >= 22 ? own : undefined;
}

const reason = node === undefined ? "there is no Node 22" : npm === null ? "there is no npm" : undefined;
if (reason !== undefined) process.stderr.write(`the published library is not tested: ${reason}\n`);

describe.skipIf(reason !== undefined)("the library as it is published", () => {
  const folder = mkdtempSync(join(tmpdir(), "cpm-library-"));
  const project = join(folder, "project");
  let colony: TestColony;

  const run = async (command: readonly (string | undefined)[], cwd: string): Promise<string> => {
    const words = command.filter((word) => word !== undefined);
    const env = { PATH: process.env["PATH"] ?? "", HOME: folder, npm_config_cache: join(folder, "npm-cache") };
    const child = Bun.spawn(words, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const [exitCode, output, complaints] = await Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    if (exitCode !== 0) throw new Error(`${words.join(" ")} failed:\n${output}${complaints}`);
    return output;
  };
  const pack = async (source: string): Promise<string> => {
    const output = await run([npm ?? undefined, "pack", "--json", "--pack-destination", folder, source], folder);
    return join(folder, JSON.parse(output)[0].filename);
  };

  beforeAll(async () => {
    await run([process.execPath, join(library, "build.ts")], root);
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), JSON.stringify({ name: "project", private: true, type: "module" }));
    copyFileSync(join(import.meta.dir, "testdata/consumer.mts.txt"), join(project, "consumer.mts"));
    // Its dependencies come from the workspace, so that nothing is fetched.
    const { dependencies } = JSON.parse(readFileSync(join(library, "dist/package.json"), "utf8"));
    const sources = Object.keys(dependencies).map((name) => join(library, "node_modules", name));
    const tarballs = await Promise.all([join(library, "dist"), ...sources].map(pack));
    await run([npm ?? undefined, "install", "--offline", "--no-audit", "--no-fund", ...tarballs], project);
    colony = await startEmbedded();
  }, 120_000);
  afterAll(async () => {
    await colony?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const installed = () => join(project, "node_modules/@colonyos/colonies-client");

  test("holds what a user needs and nothing of the workspace", () => {
    expect(readdirSync(installed()).toSorted()).toEqual([
      "LICENSE",
      "README.md",
      "index.js",
      "index.js.map",
      "package.json",
      "types",
    ]);
    const manifest = JSON.parse(readFileSync(join(installed(), "package.json"), "utf8"));
    expect(manifest).toMatchObject({
      name: "@colonyos/colonies-client",
      license: "Apache-2.0",
      engines: { node: ">=22" },
      exports: { ".": { types: "./types/colonies/index.d.ts", import: "./index.js" } },
    });
    const own: { version: string } = JSON.parse(readFileSync(join(library, "package.json"), "utf8"));
    expect(manifest.version).toBe(own.version);
    expect(Object.keys(manifest.dependencies)).toEqual(["@noble/curves", "@noble/hashes"]);
    const declarations = readdirSync(join(installed(), "types"), { recursive: true, encoding: "utf8" });
    const texts = declarations
      .filter((name) => name.endsWith(".d.ts"))
      .map((name) => readFileSync(join(installed(), "types", name), "utf8"));
    expect(texts.filter((text) => /@cpm\/|\.ts"/.test(text))).toEqual([]);
  });

  test.each(["NodeNext", "Bundler"])("type-checks a user's program, declarations included (%s)", async (resolution) => {
    const options = {
      target: "ES2024",
      lib: ["ES2024", "DOM", "DOM.Iterable", "ESNext.Disposable"],
      module: resolution === "Bundler" ? "Preserve" : resolution,
      moduleResolution: resolution,
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true,
      types: [],
    };
    const config = join(project, `tsconfig.${resolution}.json`);
    writeFileSync(config, JSON.stringify({ compilerOptions: options, files: ["consumer.mts"] }));
    await run([join(root, "node_modules/.bin/tsc"), "-p", config], project);
  });

  test("a wrong program is refused by the declarations", async () => {
    const wrong = `import { Identity } from "@colonyos/colonies-client";\nexport const id: number = Identity.generate().id;\n`;
    writeFileSync(join(project, "wrong.mts"), wrong);
    const flags = ["--noEmit", "--strict", "--module", "NodeNext", "--target", "ES2024", "--ignoreConfig"];
    const check = run([join(root, "node_modules/.bin/tsc"), ...flags, "wrong.mts"], project);
    await expect(check).rejects.toThrow("Type 'string' is not assignable to type 'number'");
  });

  test.each([
    ["Node 22 or later", node],
    ["Bun", process.execPath],
  ])("runs on %s: keys, calls, a watch, an executor", async (_, runtime) => {
    const script = readFileSync(join(project, "consumer.mts"), "utf8");
    writeFileSync(
      join(project, "consumer.mjs"),
      new Bun.Transpiler({ loader: "ts", target: "node" }).transformSync(script),
    );
    const keys = [colony.colonyOwner, colony.user].map((identity) => identity.exportPrivateKey());
    const report = JSON.parse(await run([runtime, "consumer.mjs", colony.endpoint, ...keys], project));
    expect(Number(/^v(\d+)/.exec(report.node)?.[1])).toBeGreaterThanOrEqual(22);
    const id = "5d6568f883451ae2e407d1a0a7992e414f2a67b69d0e6e9176d353b98f06f696";
    expect(report).toMatchObject({
      id,
      recovered: id,
      signature:
        "e713a1bb015fecabb5a084b0fe6d6e7271fca6f79525a634183cfdb175fe69241f4da161779d8e6b761200e1cf93766010a19072fa778f9643363e2cfadd640900",
      assigned: true,
      states: ["running", "success"],
      log: ["a line\n"],
      output: [{ big: String(2n ** 60n) }],
      echo: ["success", [["ä", 1]]],
      events: ["assigned", "closed"],
      refusal: 400,
    });
  });
});

if (reason !== undefined && process.env["CI"] !== undefined) {
  test("the published library can be tested in CI", () => {
    throw new Error(reason);
  });
}
