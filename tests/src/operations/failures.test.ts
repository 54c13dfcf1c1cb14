import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { readReleaseStatus, ReleaseBook } from "@cpm/operations";
import { describeOnColonies } from "../colonies/colony-under-test.ts";
import { demoExecutor, writeFiles } from "./demo-package.ts";
import { interfering } from "./interference.ts";
import { errorOf, Lab, nothing, systemClock, wholeDemo } from "./lab.ts";

describeOnColonies("an install that is disturbed", (start) => {
  let lab: Lab;
  let away = false;
  beforeAll(async () => {
    lab = await Lab.open(start);
  }, 300_000);
  afterEach(async () => {
    if (away) await lab.colony.startServer();
    away = false;
  });
  afterAll(async () => lab?.close());

  const killServer = async (): Promise<void> => {
    if (!away) await lab.colony.killServer();
    away = true;
  };
  const startServer = async (): Promise<void> => {
    await lab.colony.startServer();
    away = false;
  };
  const statusOf = (release: string) => readReleaseStatus(release, lab.context());
  const note = (name: string, more: Readonly<Record<string, string>>): string =>
    writeFiles(lab.fresh(name), {
      "colony.yaml": `apiVersion: cpm/v1\nname: tests/${name}\nversion: 1.0.0\ndescription: A test.\n`,
      ...more,
    });
  const definition = (kind: string, schema: string) => ({
    "templates/definition.yaml": `kind: BlueprintDefinition
name: ${kind.toLowerCase()}s
spec: {spec: {group: t.io, version: v1, names: {kind: ${kind}, listKind: ${kind}List, singular: a, plural: ${kind.toLowerCase()}s}, scope: Namespaced, schema: ${schema}, handler: {executorType: "", functionName: ""}}}
`,
  });

  test("by an interrupt is undone and says so", async () => {
    const abort = new AbortController();
    const fetch = interfering({ submitworkflowspecmsg: { before: () => abort.abort() } });
    const error = await errorOf(lab.install("stopped", { signal: abort.signal, fetch }));
    expect(error).toEqual({
      code: "release/interrupted",
      message: 'interrupted; "stopped" was not installed, nothing of it is left',
      hint: "`cpm status stopped` shows the attempt.",
    });
    expect(await lab.census("stopped")).toMatchObject(nothing);
    const { revision, explanation } = await statusOf("stopped");
    expect(revision.status).toMatchObject({ phase: "failed", created: [] });
    expect(explanation).toBe("It was not installed: interrupted [release/interrupted]; nothing of it is left.");
  });

  test("by an interrupt before it began changes nothing", async () => {
    const abort = new AbortController();
    const fetch = interfering({ getexecutorsmsg: { before: () => abort.abort() } });
    await expect(lab.install("unbegun", { signal: abort.signal, fetch })).rejects.toThrow();
    expect((await errorOf(statusOf("unbegun"))).code).toBe("release/not-found");
  });

  test("by the colony going away is explained, and finished when it is back", async () => {
    const packages = lab.fresh("packages");
    const fetch = interfering({ submitworkflowspecmsg: { before: killServer } });
    const error = await errorOf(lab.install("dark", { packages, fetch }));
    expect(error.code).toBe("colonies/unreachable");
    expect(error.message).toContain('"dark" was not installed, and cleaning up failed too: no ColonyOS server answers');
    expect(error.hint).toContain("When the colony answers again, `cpm install` or `cpm uninstall dark` finishes it.");
    await startServer();
    expect((await statusOf("dark")).revision.status.phase).toBe("pending-install");
    await lab.install("dark", { packages });
    expect(await lab.census("dark")).toEqual(wholeDemo("dark"));
  }, 120_000);

  test("by a lost answer to the first step goes on", async () => {
    const losing = interfering({ addblueprintmsg: { loseAnswer: true } });
    let lost = false;
    const installed = await lab.install("unheard", {
      fetch: (url, init) => {
        const now = !lost && init.body.includes('"addblueprintmsg"');
        lost ||= now;
        return now ? losing(url, init) : fetch(url, init);
      },
    });
    expect([lost, installed.revision]).toEqual([true, 1]);
    expect(await lab.census("unheard")).toEqual(wholeDemo("unheard"));
  });

  test("by a lost answer to a submission undoes that submission too", async () => {
    for (const call of ["submitfuncspecmsg", "submitworkflowspecmsg", "addcronmsg", "addgeneratormsg"]) {
      const release = `lost-${call.slice(0, 9)}`;
      const error = await errorOf(lab.install(release, { fetch: interfering({ [call]: { loseAnswer: true } }) }));
      expect([call, error.code, error.message]).toEqual([
        call,
        "colonies/unreachable",
        expect.stringContaining(`"${release}" was not installed, nothing of it is left`),
      ]);
      expect({ call, ...(await lab.census(release)) }).toMatchObject({ call, ...nothing });
    }
  }, 60_000);

  test("by a name that is taken leaves what has it alone", async () => {
    const { client } = lab.colony;
    const spec = { funcname: "f", nodename: "n", conditions: { executortype: demoExecutor } };
    const cron = await client.crons.add({ name: "cpm.taken.yearly", expression: "0 0 3 1 1 *", functionSpecs: [spec] });
    const error = await errorOf(lab.install("taken"));
    expect(error.code).toBe("colony/name-taken");
    expect(error.message).toBe(
      'the colony already has something called cpm.taken.yearly; "taken" was not installed, nothing of it is left',
    );
    expect(error.hint).toContain("choose another release name with --name");
    expect((await client.crons.get(cron.id)).name).toBe("cpm.taken.yearly");
    expect(await lab.census("taken")).toMatchObject({ ...nothing, crons: ["cpm.taken.yearly"] });
    await lab.uninstall("taken");
    expect((await client.crons.get(cron.id)).name).toBe("cpm.taken.yearly");
    await client.crons.remove(cron.id);
  });

  test("and cannot be undone says what is left, and the next install removes it", async () => {
    const fetch = interfering({ addgeneratormsg: { refuse: true }, cancelprocessmsg: { refuse: true } });
    const error = await errorOf(lab.install("messy", { fetch }));
    expect(error.message).toContain(
      '"messy" was not installed, this is left behind: Function greet: no ColonyOS server',
    );
    expect((await statusOf("messy")).revision.status.created).toMatchObject([{ kind: "Function", name: "greet" }]);
    expect((await lab.census("messy")).live).toEqual(["Function/greet"]);
    const again = await errorOf(lab.install("messy", { fetch: interfering({ cancelprocessmsg: { refuse: true } }) }));
    expect([again.code, again.hint]).toEqual(["release/leftovers", expect.stringContaining("Function greet: ")]);
    await lab.install("messy");
    const { submitted, ...whole } = wholeDemo("messy");
    expect(await lab.census("messy")).toMatchObject(whole);
    expect(submitted).toHaveLength(2);
  });

  test("in its uninstall says what is left, and the next uninstall finishes it", async () => {
    await lab.install("sticky");
    const error = await errorOf(
      lab.uninstall("sticky", false, { fetch: interfering({ removecronmsg: { refuse: true } }) }),
    );
    expect(error).toMatchObject({ code: "release/leftovers", message: 'not all of "sticky" could be removed' });
    expect(error.hint).toMatch(/^Cron yearly: no ColonyOS server answers at .*\. Run the command again\.$/);
    expect(await lab.census("sticky")).toMatchObject({ ...nothing, crons: ["cpm.sticky.yearly"] });
    expect((await statusOf("sticky")).explanation).toContain("`cpm uninstall sticky` finishes it");
    await lab.uninstall("sticky");
    expect(await lab.census("sticky")).toMatchObject(nothing);
  });

  test("by a missing executor does not begin, unless it is told to", async () => {
    const directory = note("lonely", {
      "templates/f.yaml":
        "kind: Function\nname: f\nspec: {funcname: f, conditions: {executortype: nobody}, maxexectime: 5}\n",
    });
    const error = await errorOf(lab.install("lonely", { package: directory }));
    expect(error.code).toBe("colony/missing-executor");
    expect(error.message).toBe(`executor nobody is missing: the colony has ${demoExecutor}`);
    await lab.install("lonely", { package: directory, skipRequirements: true });
    expect((await lab.census("lonely")).live).toEqual(["Function/f"]);
  });

  test("by a package whose name is too long for a release asks for one", async () => {
    const long = `x${"y".repeat(60)}`;
    const directory = note("long", {});
    writeFiles(directory, {
      "colony.yaml": `apiVersion: cpm/v1\nname: tests/${long}\nversion: 1.0.0\ndescription: A test.\n`,
    });
    const error = await errorOf(lab.install(undefined, { package: directory }));
    expect([error.code, error.hint]).toEqual(["release/name-needed", expect.stringContaining("--name")]);
    await lab.install("short", { package: directory });
  });

  test("by a requirement on another cpm does not begin", async () => {
    const directory = note("modern", {});
    writeFiles(directory, {
      "colony.yaml":
        "apiVersion: cpm/v1\nname: tests/modern\nversion: 1.0.0\ndescription: A test.\nrequires: {cpm: '>=7'}\n",
    });
    const error = await errorOf(lab.install("modern", { package: directory }));
    expect([error.code, error.message]).toEqual([
      "package/needs-cpm",
      "cpm >=7 for tests/modern is missing: this is cpm 0.1.0",
    ]);
  });

  test("by a kind that only the owner may add says who may", async () => {
    const directory = note("newkind", definition("NewKind", "{type: object}"));
    const error = await errorOf(lab.install("newkind", { package: directory, owner: false }));
    expect(error.code).toBe("colony/needs-owner");
    expect(error.message).toBe(
      'the kind NewKind is new to the colony: its owner must add it; "newkind" was not installed, nothing of it is left',
    );
    await lab.install("newkind", { package: directory });
    const notes = (await lab.uninstall("newkind")).notes;
    expect(notes).toEqual(["the blueprint definition newkinds is left in the colony: other releases may use it"]);
  });

  test("by another definition of its kind names both", async () => {
    await lab.install("one", { package: note("one", definition("Shape", "{type: object}")) });
    const other = note("other", definition("Shape", "{type: object, properties: {a: {type: string}}}"));
    const error = await errorOf(lab.install("other", { package: other }));
    expect(error.code).toBe("colony/definition-differs");
    await lab.install("same", { package: note("same", definition("Shape", "{type: object}")), owner: false });
  });

  test("by a blueprint that would take a revision's name does not begin", async () => {
    const directory = note("sly", {
      ...definition("Sly", "{type: object}"),
      "templates/v2.yaml": "kind: Blueprint\nname: v${string(inputs.n)}\nspec: {kind: Sly, spec: {a: b}}\n",
    });
    writeFiles(directory, {
      "colony.yaml":
        "apiVersion: cpm/v1\nname: tests/sly\nversion: 1.0.0\ndescription: A test.\ninputs: [{key: n, type: int, default: 2}]\n",
    });
    const error = await errorOf(lab.install("sly", { package: directory }));
    expect(error.code).toBe("package/invalid");
  });

  test("by records of others is not: they are told apart", async () => {
    const { client } = lab.colony;
    const hostile = [
      { name: "cpm.junk.v1", spec: { release: "junk", revision: 1, packages: [{}] } },
      { name: "cpm.liar.v1", spec: { release: "plain", revision: 1 } },
      { name: "nothing", spec: { release: "../../etc", revision: -1 } },
      { name: "cpm.odd.v1", spec: { release: "odd", revision: 1, packages: "none", resources: 7, client: [] } },
    ];
    for (const { name, spec } of hostile) {
      await client.blueprints.add({ kind: "CpmRelease", name, spec, status: { phase: 7 } });
    }
    await lab.install("sound");
    const { revisions, unreadable } = await new ReleaseBook(client, systemClock).read();
    expect(unreadable.map((error) => error.message.split(" ")[2] ?? "").toSorted()).toEqual([
      "cpm.junk.v1",
      "cpm.liar.v1",
      "nothing",
    ]);
    expect(revisions.map(({ record }) => record.release as string)).toContain("sound");
    expect((await statusOf("sound")).explanation).toContain("Installed; under way");
    // What can be read and says nothing can be uninstalled.
    expect((await statusOf("odd")).revision.status.phase).toBe("pending-install");
    await lab.uninstall("odd", true);
    expect((await errorOf(statusOf("odd"))).code).toBe("release/not-found");
    const error = await errorOf(lab.install("junk"));
    expect([error.code, error.hint]).toEqual([
      "release/record",
      expect.stringContaining("remove it if it is nobody's"),
    ]);
    for (const name of ["cpm.junk.v1", "cpm.liar.v1", "nothing"]) await client.blueprints.remove(name);
  });

  test("a purge leaves no trace, and nothing of another release is touched", async () => {
    await lab.install("kept");
    await lab.install("purged");
    await lab.uninstall("purged");
    await lab.install("purged");
    await lab.uninstall("purged", true);
    expect(await lab.census("purged")).toEqual({ submitted: [], ...nothing });
    expect((await errorOf(statusOf("purged"))).code).toBe("release/not-found");
    expect(await lab.census("kept")).toEqual(wholeDemo("kept"));
  });
});
