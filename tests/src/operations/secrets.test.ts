import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { stringifyJson } from "@cpm/base";
import { processStates } from "@cpm/colonies";
import { serveRegistry } from "@cpm/registry";
import type { RunningRegistry } from "@cpm/registry";
import fc from "fast-check";
import { startEmbedded } from "../colonies/colony-under-test.ts";
import { demoExecutor, writeFiles } from "./demo-package.ts";
import { Lab } from "./lab.ts";

let lab: Lab;
let registry: RunningRegistry;
beforeAll(async () => {
  lab = await Lab.open(startEmbedded);
  registry = await serveRegistry({
    dataDirectory: lab.fresh("registry"),
    hostname: "127.0.0.1",
    port: 0,
    access: "open",
  });
  const inner = writeFiles(lab.fresh("vault"), {
    "colony.yaml": `apiVersion: cpm/v1
name: tests/vault
version: 1.0.0
description: Takes a secret.
inputs: [{key: key, type: secret}]
payload: [{include: ["payload/**"]}]
`,
    "payload/a.txt": "a",
    "templates/f.yaml": `kind: Function
name: unlock
spec: {funcname: f, env: {KEY: "\${inputs.key}"}, conditions: {executortype: ${demoExecutor}}, maxexectime: 5}
`,
  });
  const outer = writeFiles(lab.fresh("safe"), {
    "colony.yaml": `apiVersion: cpm/v1
name: tests/safe
version: 1.0.0
description: Passes a secret on.
inputs: [{key: token, type: secret}, {key: who, type: string, default: me}]
dependencies: {tests/vault: {version: 1.0.0, with: {key: "\${inputs.token}"}}}
payload: [{include: ["payload/**"]}]
`,
    "payload/b.txt": "b",
    "templates/f.yaml": `kind: Workflow
name: open
spec:
  functionspecs:
    - {nodename: a, funcname: f, kwargs: {token: "\${inputs.token}"}, conditions: {executortype: ${demoExecutor}}, maxexectime: 5}
`,
    "templates/c.yaml": `kind: Cron
name: again
spec:
  cronexpression: "0 0 3 1 1 *"
  workflowspec:
    functionspecs:
      - {nodename: a, funcname: f, env: {TOKEN: "\${inputs.token}"}, conditions: {executortype: ${demoExecutor}}, maxexectime: 5}
`,
  });
  for (const directory of [inner, outer]) {
    const end = await lab.cpm(["publish", directory], { CPM_REGISTRY: registry.host });
    expect([end.status, end.stderr]).toEqual([0, expect.any(String)]);
  }
}, 300_000);
afterAll(async () => {
  await registry?.stop();
  await lab?.close();
});

/** Texts that templates, shells, JSON and YAML could each trip over, and that stand nowhere by chance. */
const secrets = fc
  .tuple(
    fc.uuid(),
    fc.array(fc.constantFrom("$", "{", "}", '"', "'", "\\", " ", "\n", ":", "#", "å", "🙂", "-", "&", "a"), {
      maxLength: 12,
    }),
  )
  .map(([unique, odd]) => `${unique}${odd.join("")}!`);

test("a secret is where the work needs it and nowhere else", async () => {
  let run = 0;
  const property = fc.asyncProperty(secrets, async (secret) => {
    const release = `secret-${run++}`;
    const packages = lab.fresh("packages");
    const file = join(writeFiles(lab.fresh("values"), { "token.txt": secret }), "token.txt");
    const plan = lab.fresh("plan.json");
    const common = { CPM_REGISTRY: registry.host, CPM_PACKAGES: packages };
    const install = ["install", "tests/safe", "--name", release, "--set-file", `token=${file}`];
    const written: string[] = [];
    const cpm = async (status: number, ...args: readonly string[]): Promise<void> => {
      const end = await lab.cpm(args, common);
      expect([args.join(" "), end.status, end.stderr]).toEqual([args.join(" "), status, expect.any(String)]);
      written.push(end.stdout, end.stderr);
    };
    // A wrong input beside the secret, and the secret where it does not belong: what is said does not hold it.
    await cpm(2, ...install, "--set", "nobody=x");
    await cpm(2, "install", "tests/safe", "--name", release, "-f", joined(secret, lab.fresh("list")));
    await cpm(0, ...install, "--dry-run");
    await cpm(0, ...install, "--dry-run", "--json");
    await cpm(0, ...install, "--plan", plan);
    await cpm(2, "apply", plan);
    await cpm(0, "apply", plan, "--set-file", `token=${file}`, "--json");
    await cpm(6, ...install);
    for (const command of ["status", "history", "logs"]) await cpm(0, command, release, "--json");
    await cpm(0, "status", release);
    await cpm(0, "list", "--json");
    const records = await lab.colony.client.call("getblueprintsmsg", {
      namespace: lab.colony.client.colonyName,
      kind: "",
      locationname: "",
    });
    written.push(stringifyJson(records), readFileSync(plan, "utf8"), ...filesBelow(packages));
    const shown = [
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret),
      btoa(encodeURIComponent(secret)),
    ];
    for (const text of written) for (const form of [...shown, secret.slice(0, 36)]) expect(text).not.toContain(form);

    // And the work has it, in every place that asked for it.
    const lists = await Promise.all(
      processStates.map((state) => lab.colony.client.processes.list({ state, label: `cpm:${release}` })),
    );
    const specs = lists.flat().map(({ spec }) => spec);
    expect(
      specs.map((spec) => (spec["kwargs"] as { token?: string }).token ?? (spec["env"] as { KEY?: string }).KEY),
    ).toEqual([secret, secret]);
    const cron = (await lab.colony.client.crons.list()).find(({ name }) => name === `cpm.${release}.again`);
    const [spec] = JSON.parse(cron?.workflowSpec ?? "").functionspecs;
    expect(spec.env.TOKEN).toBe(secret);
    await cpm(0, "uninstall", release);
    for (const text of written) expect(text).not.toContain(secret.slice(0, 36));
  });
  await fc.assert(property, { numRuns: 2 });
}, 300_000);

test("a secret may not be passed to an input that is none", async () => {
  const directory = writeFiles(lab.fresh("leaky"), {
    "colony.yaml": `apiVersion: cpm/v1
name: tests/leaky
version: 1.0.0
description: Passes a secret to what shows it.
inputs: [{key: token, type: secret}]
dependencies: {tests/open: {version: 1.0.0, with: {shown: "\${inputs.token}"}}}
`,
  });
  const open = writeFiles(lab.fresh("open"), {
    "colony.yaml":
      "apiVersion: cpm/v1\nname: tests/open\nversion: 1.0.0\ndescription: Shows it.\ninputs: [{key: shown, type: string}]\n",
  });
  expect((await lab.cpm(["publish", open], { CPM_REGISTRY: registry.host })).status).toBe(0);
  const end = await lab.cpm(["install", directory, "--set", "token=0123456789abcdef"], { CPM_REGISTRY: registry.host });
  expect([end.status, end.stderr]).toEqual([
    2,
    expect.stringContaining('a secret is passed to the input "shown" of tests/open'),
  ]);
  expect(end.stderr + end.stdout).not.toContain("0123456789abcdef");
}, 60_000);

/** A values file in which the secret is an item of a list, which no secret is. */
function joined(secret: string, folder: string): string {
  return join(writeFiles(folder, { "values.yaml": `token: [${JSON.stringify(secret)}]\n` }), "values.yaml");
}

function filesBelow(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((path) => join(root, path))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
    .flatMap((path) => [path, readFileSync(path, "latin1"), readFileSync(path, "utf8")]);
}
