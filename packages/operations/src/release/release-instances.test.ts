import { afterAll, expect, test } from "bun:test";
import { parseAssignment } from "@cpm/model";
import { revealJson } from "@cpm/template";
import { parsePackageSource } from "../package/locate-package.ts";
import { alone, faultOf, manifest, MemoryRegistries, Scratch } from "../testing/packages.ts";
import { collectPackages } from "./collect-packages.ts";
import { renderRelease } from "./render-release.ts";

const scratch = new Scratch();
afterAll(() => scratch.remove());

const template = (env: string): string =>
  `kind: Function\nname: f\nspec: {funcname: f, env: ${env}, conditions: {executortype: x}, maxexectime: 5}\n`;

const tools = `multiInstance: true
inputs: [{key: lang, type: string, default: none}]
outputs: {said: "\${inputs.lang}"}
`;

interface Shelf {
  readonly add: (name: string, more: string, env?: string) => Promise<void>;
  readonly render: (name: string, ...set: string[]) => Promise<Rendered>;
}

interface Rendered {
  /** `package:instance` of everything that is there. */
  readonly packages: readonly string[];
  readonly env: Readonly<Record<string, unknown>>;
}

function shelf(): Shelf {
  const registries = new MemoryRegistries();
  const access = registries.access(scratch, "r.test");
  return {
    async add(name, more, env = "{}") {
      const files = { "colony.yaml": manifest(name, "1.0.0", more), "templates/f.yaml": template(env) };
      await registries.put("r.test", await scratch.pack(files));
    },
    async render(name, ...set) {
      const given = set.map(parseAssignment);
      const packages = await collectPackages(parsePackageSource(name), access, { world: alone, given });
      const release = { name: "r", revision: 1, colony: "c" };
      const rendered = renderRelease(packages, given, release, (variant) => `/${variant.manifest.name}`);
      return {
        packages: rendered.map(({ entry, instance }) => `${entry.variant.manifest.name}:${instance ?? ""}`),
        env: Object.fromEntries(
          rendered.flatMap(({ resources }) =>
            resources.map(({ name: called, resource }) => {
              return [called, (revealJson(resource.spec) as { readonly env?: unknown }).env];
            }),
          ),
        ),
      };
    },
  };
}

test("each alias of a multi-instance package is an instance with inputs, resources and outputs of its own", async () => {
  const { add, render } = shelf();
  await add("rise/tools", tools, '{LANG: "${inputs.lang}"}');
  await add(
    "rise/app",
    `dependencies:
  rise/tools: [{version: ^1, alias: english, with: {lang: en}}, {version: "*", alias: swedish, with: {lang: sv}}]
`,
    '{BOTH: "${deps.english.outputs.said + deps.swedish.outputs.said}", AT: "${deps.swedish.path}"}',
  );
  expect(await render("rise/app")).toEqual({
    packages: ["rise/tools:english", "rise/tools:swedish", "rise/app:"],
    env: {
      "rise.tools.english.f": { LANG: "en" },
      "rise.tools.swedish.f": { LANG: "sv" },
      f: { BOTH: "ensv", AT: "/rise/tools" },
    },
  });
});

test("two packages with the same alias have an instance each, and those without one share one", async () => {
  const { add, render } = shelf();
  await add("rise/tools", tools, '{LANG: "${inputs.lang}"}');
  for (const side of ["left", "right"]) {
    const own = `{version: ^1, alias: mine, with: {lang: ${side}}}`;
    await add(`rise/${side}`, `dependencies: {rise/tools: [${own}]}\n`, '{SAID: "${deps.mine.outputs.said}"}');
  }
  await add("rise/app", "dependencies: {rise/left: ^1, rise/right: ^1, rise/tools: ^1}\n");
  const { packages, env } = await render("rise/app");
  expect(packages.toSorted()).toEqual([
    "rise/app:",
    "rise/left:",
    "rise/right:",
    "rise/tools:",
    "rise/tools:rise.left.mine",
    "rise/tools:rise.right.mine",
  ]);
  expect([env["rise.left.f"], env["rise.right.f"]]).toEqual([{ SAID: "left" }, { SAID: "right" }]);
  expect(env["rise.tools.f"]).toEqual({ LANG: "none" });
});

test("an alias alone is a name in templates, and a second entry says what is missing", async () => {
  const { add, render } = shelf();
  await add("rise/plain", "outputs: {said: plain}\n");
  await add("rise/one", "dependencies: {rise/plain: {version: ^1, alias: p}}\n", '{SAID: "${deps.p.outputs.said}"}');
  expect(await render("rise/one")).toMatchObject({
    packages: ["rise/plain:", "rise/one:"],
    env: { f: { SAID: "plain" } },
  });
  await add("rise/two", "dependencies: {rise/plain: [{version: ^1, alias: a}, {version: ^1, alias: b}]}\n");
  const fault = await faultOf(() => render("rise/two"));
  expect(fault.code).toBe("package/single-instance");
  expect(fault.message).toBe(
    "rise/two@1.0.0 needs rise/plain several times (as a, as b), and rise/plain@1.0.0 is not multi-instance",
  );
  expect(fault.hint).toContain("`multiInstance: true`");
});

test("what a condition leaves out is not there, nor what only it needed", async () => {
  const { add, render } = shelf();
  await add("rise/deep", "");
  await add("rise/gpu", "dependencies: {rise/deep: ^1}\n");
  await add(
    "rise/middle",
    'inputs: [{key: fast, type: bool, default: false}]\ndependencies: {rise/gpu: {version: ^1, when: "${inputs.fast}"}}\n',
    "{HAS: \"${'rise/gpu' in deps ? 'yes' : 'no'}\"}",
  );
  await add(
    "rise/app",
    'inputs: [{key: gpu, type: bool, default: false}]\ndependencies: {rise/middle: {version: ^1, with: {fast: "${inputs.gpu}"}}}\n',
  );
  const without = await render("rise/app");
  expect(without.packages).toEqual(["rise/middle:", "rise/app:"]);
  expect(without.env["rise.middle.f"]).toEqual({ HAS: "no" });
  const withGpu = await render("rise/app", "gpu=true");
  expect(withGpu.packages).toEqual(["rise/deep:", "rise/gpu:", "rise/middle:", "rise/app:"]);
  expect(withGpu.env["rise.middle.f"]).toEqual({ HAS: "yes" });
});

test("instances that multiply end at a limit", async () => {
  const { add, render } = shelf();
  const twice = (name: string) => `dependencies: {${name}: [{version: ^1, alias: a}, {version: ^1, alias: b}]}\n`;
  await add("x/p0", "multiInstance: true\n");
  for (let depth = 1; depth < 11; depth++) await add(`x/p${depth}`, `multiInstance: true\n${twice(`x/p${depth - 1}`)}`);
  const fault = await faultOf(() => render("x/p10"));
  expect(fault.code).toBe("package/too-many-instances");
  expect(fault.message).toContain("1000");
});
