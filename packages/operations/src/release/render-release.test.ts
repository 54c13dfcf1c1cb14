import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseAssignment } from "@cpm/model";
import { revealJson } from "@cpm/template";
import { alone, faultOf, manifest, MemoryRegistries, Scratch } from "../testing/packages.ts";
import { parsePackageSource } from "../package/locate-package.ts";
import { packPackage } from "../package/pack-package.ts";
import { inspectPackageDirectory } from "../package/package-directory.ts";
import { collectPackages } from "./collect-packages.ts";
import { renderPackageAlone } from "./render-alone.ts";
import { renderRelease } from "./render-release.ts";
import type { RenderedPackage } from "./render-release.ts";

const scratch = new Scratch();
const registries = new MemoryRegistries();
const access = registries.access(scratch, "r.test");
afterAll(() => scratch.remove());

const call = (name: string, env: Readonly<Record<string, string>>): string =>
  `kind: Function\nname: ${name}\nspec: {funcname: f, env: ${JSON.stringify(env)}, conditions: {executortype: x}, maxexectime: 5}\n`;

/** Publishes a package whose one function says what the package was given. */
async function publish(
  name: string,
  version: string,
  dependencies: string,
  env: Readonly<Record<string, string>> = {},
  more = "",
): Promise<void> {
  const yaml = manifest(name, version, `${dependencies === "" ? "" : `dependencies: ${dependencies}\n`}${more}`);
  const files = { "colony.yaml": yaml, "templates/f.yaml": call("f", { ...env, at: "${package.path}" }) };
  await registries.put("r.test", await scratch.pack(files));
}

/** As another tool would, which does not lint. */
async function publishUnchecked(name: string, more: string): Promise<void> {
  const root = scratch.write({ "colony.yaml": manifest(name, "1.0.0", more), "templates/f.yaml": call("f", {}) });
  const { directory } = inspectPackageDirectory(root);
  if (directory === undefined) throw new Error("the manifest has faults");
  await registries.put("r.test", await packPackage(directory, scratch.fresh("layout")));
}

async function render(reference: string, ...set: readonly string[]): Promise<readonly RenderedPackage[]> {
  const packages = await collectPackages(parsePackageSource(reference), access, { world: alone });
  const identity = { name: "rel", revision: 3, colony: "dev" };
  return renderRelease(packages, set.map(parseAssignment), identity, ({ manifest: found }) => `/at/${found.name}`);
}

const namesOf = (rendered: readonly RenderedPackage[]) =>
  rendered.map(({ entry }) => entry.variant.manifest.name as string);
const envOf = (rendered: readonly RenderedPackage[], name: string): unknown => {
  const found = rendered.find(({ entry }) => (entry.variant.manifest.name as string) === name)?.resources[0];
  return (found?.redacted as { env?: unknown } | undefined)?.env;
};

beforeAll(async () => {
  const lang = "inputs: [{key: lang, type: string, default: en}]\n";
  await publish(
    "d/base",
    "1.0.0",
    "",
    { lang: "${inputs.lang}" },
    `${lang}outputs: {word: "\${inputs.lang}!", count: "\${41 + 1}"}\n`,
  );
  await publish("d/base", "2.0.0", "");
  await publish("d/left", "1.0.0", "{d/base: 1.0.0}", { word: "${deps['d/base'].outputs.word}" });
  await publish(
    "d/right",
    "1.0.0",
    '{d/base: {version: 1.0.0, alias: base, with: {lang: "${inputs.l}"}}}',
    {
      version: "${deps.base.version}",
      path: "${deps.base.path}",
      next: "${string(deps.base.outputs.count + 1)}",
    },
    "inputs: [{key: l, type: string, default: sv}]\n",
  );
  await publish("d/top", "1.0.0", "{d/left: 1.0.0, d/right: 1.0.0}", {
    release: "${release.name}-${string(release.revision)}",
  });
  await publish("d/two", "1.0.0", "{d/left: 1.0.0, d/base: 2.0.0}");
  await publish("d/three", "1.0.0", "{d/base: 2.0.0, d/left: 1.0.0}");
  await publish("d/loop", "1.0.0", "{d/pool: 1.0.0}");
  await publish("d/pool", "1.0.0", "{d/loop: 1.0.0}");
  await publish("d/self", "1.0.0", "{d/self: 1.0.0}");
  await publish("d/lost", "1.0.0", "{d/nothing: 1.0.0}");
});

describe("the packages of a release", () => {
  test("each come once, after what they need", async () => {
    expect(namesOf(await render("d/top"))).toEqual(["d/base", "d/left", "d/right", "d/top"]);
  });

  test("in two versions are refused, whoever comes first", async () => {
    for (const name of ["d/two", "d/three"]) {
      const { code, message } = await faultOf(() => render(name));
      expect(code).toBe("solver/no-solution");
      for (const part of ["d/base 1.0.0", "d/base 2.0.0", name]) expect(message).toContain(part);
    }
  });

  test("that need one another are refused with the way round", async () => {
    expect(await faultOf(() => render("d/loop"))).toMatchObject({
      code: "package/dependency-cycle",
      message: "packages need one another: d/loop → d/pool → d/loop",
    });
    expect((await faultOf(() => render("d/self"))).message).toBe("packages need one another: d/self → d/self");
  });

  test("that are not there are told, and ranges are resolved", async () => {
    const fault = await faultOf(() => render("d/lost"));
    expect([fault.code, fault.message]).toEqual(["solver/unknown-package", expect.stringContaining("d/nothing")]);
    await publishUnchecked("d/loose", "dependencies: {d/base: ^1.0.0}\n");
    expect(namesOf(await render("d/loose"))).toEqual(["d/base", "d/loose"]);
  });
});

describe("what a release renders to", () => {
  test("is named after the package that it comes from", async () => {
    const names = (await render("d/top")).flatMap(({ resources }) => resources.map(({ name }) => name));
    expect(names).toEqual(["d.base.f", "d.left.f", "d.right.f", "f"]);
  });

  test("knows the release, its own package and what the others give out", async () => {
    const rendered = await render("d/top");
    expect(envOf(rendered, "d/top")).toEqual({ release: "rel-3", at: "/at/d/top" });
    expect(envOf(rendered, "d/left")).toEqual({ word: "sv!", at: "/at/d/left" });
    expect(envOf(rendered, "d/right")).toEqual({ version: "1.0.0", path: "/at/d/base", next: "43", at: "/at/d/right" });
  });

  test("has the inputs that who needs a package gives it, and the defaults else", async () => {
    expect(envOf(await render("d/right"), "d/base")).toMatchObject({ lang: "sv" });
    expect(envOf(await render("d/right", "l=fi"), "d/base")).toMatchObject({ lang: "fi" });
    expect(envOf(await render("d/left"), "d/base")).toMatchObject({ lang: "en" });
  });

  test("is refused with every fault of its inputs", async () => {
    const fault = await faultOf(() => render("d/right", "x=1", "y=2"));
    expect([fault.code, fault.diagnostics.map(({ code }) => code)]).toEqual([
      "input/invalid",
      ["input/unknown", "input/unknown"],
    ]);
  });

  test("that is given an input that a dependency does not have says so", async () => {
    await publish("d/wrong", "1.0.0", "{d/base: {version: 1.0.0, with: {tongue: sv}}}");
    expect((await faultOf(() => render("d/wrong"))).diagnostics.map(({ message }) => message)).toEqual([
      'there is no input "tongue"',
    ]);
  });

  test("of two namespaces that read alike stays apart", async () => {
    await publish("a-b/c", "1.0.0", "");
    await publish("a/b-c", "1.0.0", "");
    await publish("d/alike", "1.0.0", "{a-b/c: 1.0.0, a/b-c: 1.0.0}");
    const names = (await render("d/alike")).flatMap(({ resources }) => resources.map(({ name }) => name));
    expect(names).toEqual(["a-b.c.f", "a.b-c.f", "f"]);
  });

  test("shows secrets as *** and gives them to inputs that are secret too", async () => {
    const key = "inputs: [{key: key, type: secret}]\n";
    await publish("s/inner", "1.0.0", "", { KEY: "${inputs.key}" }, key);
    await publish("s/outer", "1.0.0", '{s/inner: {version: 1.0.0, with: {key: "${inputs.key}"}}}', {}, key);
    const rendered = await render("s/outer", "key=hunter2");
    expect(envOf(rendered, "s/inner")).toEqual({ KEY: "***", at: "/at/s/inner" });
    const spec = rendered[0]?.resources[0]?.resource.spec;
    expect(spec === undefined ? undefined : revealJson(spec)).toMatchObject({ env: { KEY: "hunter2" } });
    expect(
      JSON.stringify(rendered.map(({ inputs, resources }) => [inputs, resources.map((entry) => entry.redacted)])),
    ).not.toContain("hunter2");
    const [one, two] = await Promise.all([render("s/outer", "key=a"), render("s/outer", "key=b")]);
    expect(one[0]?.resources[0]?.digest).toBe(two[0]?.resources[0]?.digest as never);
  });

  test("passes no secret to an input that is none, whole or in a part", async () => {
    const key = "inputs: [{key: key, type: secret}]\n";
    await publish(
      "s/open",
      "1.0.0",
      "",
      {},
      "inputs: [{key: shown, type: string, default: x}, {key: list, type: list, default: []}, {key: hidden, type: secret, required: false}]\n",
    );
    for (const [index, given] of [
      'shown: "${inputs.key}"',
      'list: ["${inputs.key}"]',
      'hidden: ["${inputs.key}"]',
      'shown: "x${inputs.key}"',
    ].entries()) {
      await publishUnchecked(`s/leak${index}`, `dependencies: {s/open: {version: 1.0.0, with: {${given}}}}\n${key}`);
      const fault = await faultOf(() => render(`s/leak${index}`, "key=hunter2"));
      expect([given, fault.code]).toEqual([given, "template/invalid"]);
      expect(JSON.stringify(fault)).not.toContain("hunter2");
    }
  });

  test("alone needs no colony and places nothing", async () => {
    const { documents } = await renderPackageAlone(
      parsePackageSource("d/right"),
      [parseAssignment("l=no")],
      { name: "alone", colony: "dev" },
      { world: alone },
      access,
    );
    expect(documents.map(({ kind, name }) => [kind, name])).toEqual([
      ["Function", "d.base.f"],
      ["Function", "f"],
    ]);
    expect(JSON.stringify(documents)).toContain("/var/lib/colony/packages/trees/sha256/");
  });
});
