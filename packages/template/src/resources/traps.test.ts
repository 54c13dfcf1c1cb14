import { describe, expect, test } from "bun:test";
import type { Diagnostic } from "@cpm/base";
import { templateErrors } from "../errors.ts";
import { resourceDiagnostics, summary } from "../testing/templates.ts";

/**
 * Every trap of ColonyOS that a package can fall into: the sections of the protocol notes that tell of it, the
 * resource that falls into it, and the faults that `lint` finds: the code, and what it marks in the text. A code that
 * is only warned of ends in `?`.
 */
type Trap = readonly [sections: string, trap: string, text: string, faults: readonly string[]];

const fn = (fields: string): string => `kind: Function\nname: f\nspec:\n  funcname: g\n${indent(fields)}`;
const called = (fields = ""): string => fn(`conditions: {executortype: worker}\n${fields}`);
const conditions = (fields: string): string => fn(`conditions: {executortype: worker, ${fields}}\n`);
const nodes = (...list: string[]): string =>
  list.map((node) => `- {funcname: g, conditions: {executortype: worker}, ${node}}\n`).join("");
const workflow = (list: string): string => `kind: Workflow\nname: w\nspec:\n  functionspecs:\n${indent(list, 4)}`;
const cron = (fields: string): string =>
  `kind: Cron\nname: c\nspec:\n${indent(fields)}  workflowspec:\n    functionspecs:\n${indent(nodes("nodename: a"), 6)}`;
const blueprint = (fields: string, name = "b"): string => `kind: Blueprint\nname: ${name}\nspec:\n${indent(fields)}`;
const definition = (fields: string, name = "d"): string =>
  `kind: BlueprintDefinition\nname: ${name}\nspec:\n  spec:\n${indent(fields, 4)}`;
const container = (fields: string, more = "nodes: 1, processespernode: 1, walltime: 60, cpu: 1000m"): string =>
  fn(`conditions: {executortype: container-executor, ${more}}\n${fields}`).replace("funcname: g", "funcname: execute");
const run = "maxexectime: 50\nmaxretries: 1\n";
const image = "kwargs: {docker-image: alpine, cmd: ls}\n";

const traps: readonly Trap[] = [
  ["§0.3 §8.3", "maxexectime 0 fails at once", called("maxexectime: 0\n"), ["resource/max-exec-time 0"]],
  ["§8.3", "in a workflow as well", workflow(nodes("nodename: a, maxexectime: 0")), ["resource/max-exec-time 0"]],
  ["§3.3", "less than -1 is no limit of anything", called("maxwaittime: -2\n"), ["resource/invalid-value -2"]],
  ["§3.3", "priority outside its range", called("priority: 50001\n"), ["resource/invalid-value 50001"]],
  ["§2.5", "retries that can never happen", called("maxretries: 3\n"), ["resource/ignored? 3"]],
  ["§1.2 §8.7", "a number in env", called("env: {A: 1}\n"), ["resource/wrong-type 1"]],
  ["§1.2 §8.7", "kwargs that are a list", called("kwargs: [1]\n"), ["resource/wrong-type [1]"]],
  ["§1.2 §8.7", "args that are a map", called("args: {a: 1}\n"), ["resource/wrong-type {a: 1}"]],
  ["§1.2 §8.7", "a time that is not whole", called("maxexectime: 1.5\n"), ["resource/wrong-type 1.5"]],
  ["§2.5", "an env with CPM's own names", called("env: {CPM_RELEASE: x}\n"), ["resource/reserved x"]],
  ["§8.8 §3.3", "cpu without m", conditions('cpu: "2"'), ['resource/unit "2"']],
  ["§8.8 §3.3", "cpu with a fraction", conditions("cpu: 1.5m"), ["resource/unit 1.5m"]],
  ["§8.8 §3.3", "memory in GB", conditions("mem: 1GB"), ["resource/unit 1GB"]],
  ["§8.8 §3.3", "memory in MB", conditions("mem: 512MB"), ["resource/unit 512MB"]],
  ["§8.8 §3.3", "memory in Ti", conditions("mem: 1Ti"), ["resource/unit 1Ti"]],
  ["§8.8 §3.3", "memory as a plain number", conditions('mem: "1024"'), ['resource/unit "1024"']],
  ["§8.8 §3.3", "memory of a GPU in GB", conditions("gpu: {count: 1, mem: 16GB}"), ["resource/unit 16GB"]],
  ["§8.8", "a demand for storage", conditions("storage: 10Gi"), ["resource/storage 10Gi"]],
  ["§8.8", "more than 127 nodes", conditions("nodes: 128"), ["resource/invalid-value 128"]],
  ["§8.8", "more than 127 processes per node", conditions("processespernode: 128"), ["resource/invalid-value 128"]],
  ["§8.8 §2.5", 'executornames ["*"]', conditions('executornames: ["*"]'), ['resource/any-executor "*"']],
  ["§8.9", "no executortype", fn("conditions: {executornames: [a]}\n"), ["resource/missing-field {"]],
  ["§8.9", "an empty executortype", fn('conditions: {executortype: ""}\n'), ['resource/invalid-value ""']],
  ["§8.9", "no conditions at all", fn(""), ["resource/missing-field f"]],
  ["§8.10", "an executor's name with :", conditions('executornames: ["a:b"]'), ['resource/name "a:b"']],
  ["§8.10", "a location's name with :", conditions('locationname: "a:b"'), ['resource/name "a:b"']],
  ["§8.10", "a resource's name with :", called().replace("name: f", "name: 'a:b'"), ["resource/name 'a:b'"]],
  [
    "§1.8",
    "an executortype too long to index",
    conditions("").replace("worker", "w".repeat(2001)),
    ["resource/too-long wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww…"],
  ],
  [
    "§1.8",
    "executornames too long to index",
    conditions(`executornames: [${"n123456789,".repeat(201)}]`),
    ["resource/too-long [n123456789,n123456789,n123456789,n12345…"],
  ],
  ["§8.18 §2.6", "a cycle", workflow(dependent("a: b", "b: a")), ["resource/cycle b"]],
  ["§8.18 §2.6", "a node that waits for itself", workflow(dependent("a: a")), ["resource/cycle a"]],
  ["§8.18 §2.6", "a dependency on nothing", workflow(dependent("a: x")), ["resource/unknown-node x"]],
  ["§2.6", "two nodes of one name", workflow(nodes("nodename: a", "nodename: a")), ["resource/duplicate-node a"]],
  [
    "§2.6",
    "a node without a name",
    workflow(nodes("priority: 1")),
    ["resource/missing-field {funcname: g, conditions: {executortype:…"],
  ],
  [
    "§2.6",
    "a workflow without nodes",
    "kind: Workflow\nname: w\nspec: {functionspecs: []}\n",
    ["resource/empty-workflow []"],
  ],
  ["§2.6 §3.3", "a function that depends on a node", conditions("dependencies: [a]"), ["resource/unknown-node [a]"]],
  [
    "§8.20",
    "maxwaittime on a node that waits",
    workflow(dependent("a:", "b: a").replace("nodename: b", "maxwaittime: 9, nodename: b")),
    ["resource/max-wait-time 9"],
  ],
  ["§8.25", "a misspelt field", called("maxexectimes: 3\n"), ["resource/unknown-field maxexectimes"]],
  [
    "§8.25 §3.4",
    "keepsnaphot, as upstream's examples spell it",
    called("fs: {mount: /cfs, snapshots: [{label: /a, dir: /a, keepsnaphot: true}]}\n"),
    ["resource/unknown-field keepsnaphot"],
  ],
  [
    "§3.4",
    "a snapshot that is deleted after the run",
    called("fs: {mount: /cfs, snapshots: [{label: /a, dir: /a}]}\n"),
    ["resource/lost-snapshot? {label: /a, dir: /a}"],
  ],
  [
    "§3.4",
    "directories without a mount",
    called("fs: {dirs: [{label: /a, dir: /a}]}\n"),
    ["resource/no-mount {dirs: [{label: /a, dir: /a}]}"],
  ],
  [
    "§2.10",
    "a label that is no path",
    called("fs: {mount: /cfs, dirs: [{label: a, dir: /a}]}\n"),
    ["resource/invalid-value a"],
  ],
  ["§2.12", "a channel named twice", called("channels: [a, a]\n"), ["resource/invalid-value [a, a]"]],
  ["§3.3", "a label, by which releases find their work", called("label: mine\n"), ["resource/ignored? mine"]],
  ["§3.3", "a colony, which is chosen at installation", conditions("colonyname: dev"), ["resource/ignored? dev"]],
  [
    "§3.1",
    "a whole number that the server rounds",
    called("kwargs: {n: 9007199254740993}\n"),
    ["resource/rounded-number 9007199254740993"],
  ],
  ["§3.1", "the same in args", called("args: [[9007199254740993]]\n"), ["resource/rounded-number 9007199254740993"]],
  [
    "§3.1",
    "the same in a record",
    blueprint("kind: K\nspec: {n: 9007199254740993}\n"),
    ["resource/rounded-number 9007199254740993"],
  ],
  ["§3.1 §8", "NUL in a record", blueprint('kind: K\nspec: {t: "a\\0b"}\n'), ['resource/nul "a\\0b"']],
  ["§3.1", "NUL in an environment", called('env: {A: "\\0"}\n'), ['resource/nul "\\0"']],
  ["§8.30", "five cron fields", cron("cronexpression: 0 3 * * *\n"), ["resource/cron 0 3 * * *"]],
  ["§8.30", "a field out of range", cron("cronexpression: 0 0 24 * * *\n"), ["resource/cron 0 0 24 * * *"]],
  ["§8.30", "the 30th of February", cron("cronexpression: 0 0 3 30 2 *\n"), ["resource/cron 0 0 3 30 2 *"]],
  ["§2.8", "interval 0", cron("interval: 0\n"), ["resource/cron 0"]],
  ["§2.8", "neither expression nor interval", cron(""), ["resource/cron workflowspec:"]],
  ["§2.8", "both", cron("interval: 60\ncronexpression: '@hourly'\n"), ["resource/cron 60"]],
  ["§2.8", "random with an interval", cron("interval: 60\nrandom: true\n"), ["resource/ignored? true"]],
  [
    "§2.8 §8.30",
    "nextrun, an empty one of which is a JSON error",
    cron('interval: 60\nnextrun: ""\n'),
    ["resource/unknown-field nextrun"],
  ],
  [
    "§8.30",
    "a workflowspec that is no JSON",
    "kind: Cron\nname: c\nspec: {interval: 9, workflowspec: '{a'}\n",
    ["resource/wrong-type '{a'"],
  ],
  [
    "§8.30",
    "a wrong field in a workflowspec of text",
    `kind: Cron\nname: c\nspec:\n  interval: 9\n  workflowspec: '{"functionspecs":[{"nodename":"a","funcname":"g","maxexectime":0,"conditions":{"executortype":"w"}}]}'\n`,
    ['resource/max-exec-time \'{"functionspecs":[{"nodename":"a","func…'],
  ],
  [
    "§2.8",
    "kwargs that a generator empties",
    `kind: Generator\nname: g\nspec:\n  trigger: 2\n  workflowspec:\n    functionspecs:\n${indent(nodes("nodename: a, kwargs: {a: 1}"), 6)}`,
    ["resource/generator {a: 1}"],
  ],
  [
    "§2.8",
    "a generator that never starts",
    `kind: Generator\nname: g\nspec:\n  trigger: 0\n  workflowspec:\n    functionspecs:\n${indent(nodes("nodename: a"), 6)}`,
    ["resource/invalid-value 0"],
  ],
  [
    "§8.27 §6.2",
    "a record that takes a revision's name",
    blueprint("kind: K\nspec: {}\n", "v2"),
    ["resource/reserved v2"],
  ],
  ["§6.2", "a forged record of a release", blueprint("kind: CpmRelease\nspec: {}\n"), ["resource/reserved CpmRelease"]],
  [
    "§6.2",
    "CPM's own definition",
    definition("names: {kind: CpmRelease}\n", "cpmreleases"),
    ["resource/reserved cpmreleases", "resource/reserved CpmRelease"],
  ],
  [
    "§3.8",
    "a handler of one record, which no longer exists",
    blueprint("kind: K\nspec: {}\nhandler: {}\n"),
    ["resource/unknown-field handler"],
  ],
  [
    "§3.8 §8.28",
    "half a handler",
    definition("names: {kind: K}\nhandler: {executorType: e}\n"),
    ["resource/handler {executorType: e}"],
  ],
  [
    "§3.8",
    "reconcileInterval, which nobody reads",
    definition("names: {kind: K}\nhandler: {executorType: e, functionName: f, reconcileInterval: 5}\n"),
    ["resource/ignored? 5"],
  ],
  [
    "§3.8 §8.26",
    "an integer, which is not checked",
    definition("names: {kind: K}\nschema: {properties: {a: {type: integer}}}\n"),
    ["resource/unchecked-schema? integer"],
  ],
  [
    "§3.8",
    "a nested required, which is not enforced",
    definition(
      "names: {kind: K}\nschema: {properties: {a: {type: object, properties: {b: {type: string}}, required: [b]}}}\n",
    ),
    ["resource/unchecked-schema? [b]"],
  ],
  [
    "§3.8",
    "a pattern, which is not enforced",
    definition("names: {kind: K}\nschema: {properties: {a: {type: string, pattern: x}}}\n"),
    ["resource/unchecked-schema? x"],
  ],
  [
    "§3.8",
    "a required field that does not exist",
    definition("names: {kind: K}\nschema: {properties: {}, required: [a]}\n"),
    ["resource/invalid-value a"],
  ],
  [
    "§3.8",
    "a type that does not exist",
    definition("names: {kind: K}\nschema: {properties: {a: {type: text}}}\n"),
    ["resource/invalid-value text"],
  ],
  ["§3.8", "a scope that does not exist", definition("names: {kind: K}\nscope: All\n"), ["resource/invalid-value All"]],
  ["§3.8", "a definition without a kind", definition("names: {plural: ks}\n"), ["resource/missing-field {"]],
  [
    "§5.1",
    "a function that containers do not know",
    container(`${image}${run}`).replace("funcname: execute", "funcname: run"),
    ["resource/container run"],
  ],
  ["§5.1", "no image", container(`kwargs: {cmd: ls}\n${run}`), ["resource/container {cmd: ls}"]],
  [
    "§5.1",
    "no command",
    container(`kwargs: {docker-image: alpine}\n${run}`),
    ["resource/container {docker-image: alpine}"],
  ],
  [
    "§5.1",
    "a number in args, which crashes the parser",
    container(`kwargs: {docker-image: a, cmd: b, args: [1]}\n${run}`),
    ["resource/container 1"],
  ],
  [
    "§5.1",
    "args that are no list",
    container(`kwargs: {docker-image: a, cmd: b, args: c}\n${run}`),
    ["resource/container c"],
  ],
  [
    "§5.1",
    "rebuild-image, which never closes",
    container(`kwargs: {docker-image: a, cmd: b, rebuild-image: true}\n${run}`),
    ["resource/container true"],
  ],
  [
    "§5.1",
    "an argument with a space",
    container(`kwargs: {docker-image: a, cmd: b, args: [c d, "'e f'"]}\n${run}`),
    ["resource/container-shell? c d"],
  ],
  [
    "§5.1",
    "a value that executors do not escape",
    container(`${image}env: {A: 'x"y'}\n${run}`),
    ["resource/container-shell? 'x\"y'"],
  ],
  [
    "§5.1",
    "nodes 0",
    container(`${image}${run}`, "nodes: 0, processespernode: 1, walltime: 60, cpu: 1000m"),
    ["resource/container 0"],
  ],
  [
    "§5.1",
    "no processespernode",
    container(`${image}${run}`, "nodes: 1, walltime: 60, cpu: 1000m"),
    ["resource/container {executortype: container-executor, nodes…"],
  ],
  [
    "§5.1",
    "no walltime",
    container(`${image}${run}`, "nodes: 1, processespernode: 1, cpu: 1000m"),
    ["resource/container {executortype: container-executor, nodes…"],
  ],
  [
    "§5.1",
    "walltime below maxexectime",
    container(`${image}${run}`, "nodes: 1, processespernode: 1, walltime: 9, cpu: 1000m"),
    ["resource/container 9"],
  ],
  [
    "§5.1",
    "no maxexectime",
    container(`${image}maxretries: 1\n`),
    ["resource/ignored? 1", "resource/container funcname: execute"],
  ],
  ["§5.1", "no maxretries", container(`${image}maxexectime: 9\n`), ["resource/container funcname: execute"]],
  [
    "§5.1",
    "no cpu",
    container(`${image}${run}`, "nodes: 1, processespernode: 1, walltime: 60"),
    ["resource/container {executortype: container-executor, nodes…"],
  ],
  [
    "§5.1",
    "cpu 5m",
    container(`${image}${run}`, "nodes: 1, processespernode: 1, walltime: 60, cpu: 5m"),
    ["resource/container 5m"],
  ],
  [
    "local-executor",
    "a function that it does not know",
    fn("kwargs: {cmd: a}\nconditions: {executortype: local-executor}\n"),
    ["resource/local-executor g"],
  ],
  [
    "local-executor",
    "no program",
    fn("conditions: {executortype: local-executor}\n").replace("funcname: g", "funcname: execute"),
    ["resource/local-executor funcname: execute"],
  ],
  [
    "local-executor",
    "a number in args",
    fn("kwargs: {cmd: a, args: [1]}\nconditions: {executortype: local-executor}\n").replace(
      "funcname: g",
      "funcname: execute",
    ),
    ["resource/local-executor 1"],
  ],
];

describe("the traps of ColonyOS", () => {
  test.each(traps.map((trap) => [...trap] as const))("%s: %s", (_sections, _trap, text, expected) => {
    const diagnostics = resourceDiagnostics(text);
    expect(diagnostics.map(shown)).toEqual([...expected]);
    for (const { hint, message } of diagnostics) expect(hint ?? message).not.toBe(message);
  });

  test("every code of a rule has a trap here", () => {
    const trapped = new Set(traps.flatMap(([, , , faults]) => faults.map((fault) => fault.split(/[ ?]/)[0])));
    const elsewhere = ["resource/unknown-kind"];
    const codes = Object.keys(templateErrors).filter((code) => code.startsWith("resource/"));
    expect(codes.filter((code) => !trapped.has(code) && !elsewhere.includes(code))).toEqual([]);
  });
});

describe("what ColonyOS takes", () => {
  test.each<[string, string]>([
    ["a minimal function", called()],
    [
      "every field of a function",
      called(
        `nodename: n\nargs: [1, x, {a: 1}]\nkwargs: {a: [1], b: 9007199254740992}\npriority: -50000\nmaxwaittime: -1\nmaxexectime: 9\nmaxretries: 2\nenv: {A: x}\nchannels: [c]\nfs: {mount: /cfs, dirs: [{label: /a, dir: /a, keepfiles: true, onconflicts: {onstart: {keeplocal: true}, onclose: {keeplocal: false}}}], snapshots: [{label: /b, dir: /b, keepsnapshot: true}]}\n`,
      ),
    ],
    [
      "every condition",
      conditions(
        "executornames: [a.b-c_1], locationname: home, nodes: 127, cpu: 250m, processes: 1, processespernode: 1, mem: 512Mi, storage: '', gpu: {name: a, mem: 16Gi, count: 1, nodecount: 1}, walltime: 9",
      ),
    ],
    ["a workflow", workflow(dependent("a:", "b: a", "c: a", "d: b"))],
    ["a workflow as its bare list", `kind: Workflow\nname: w\nspec:\n${indent(nodes("nodename: a"))}`],
    ["a cron", cron("cronexpression: 0 30 3 * * mon-fri\nwaitforprevprocessgraph: true\n")],
    ["a cron by interval", cron("interval: 3600\n")],
    [
      "a cron with its workflow as text",
      `kind: Cron\nname: c\nspec:\n  interval: 9\n  workflowspec: '{"functionspecs":[{"nodename":"a","funcname":"g","conditions":{"executortype":"w"}}]}'\n`,
    ],
    [
      "a generator",
      `kind: Generator\nname: g\nspec:\n  trigger: 2\n  timeout: 5\n  workflowspec:\n    functionspecs:\n${indent(nodes("nodename: a"), 6)}`,
    ],
    [
      "a definition",
      definition(
        "group: g\nversion: v1\nnames: {kind: Sensor, plural: sensors}\nscope: Namespaced\nschema: {type: object, properties: {a: {type: string, enum: [x]}}, required: [a]}\nhandler: {executorType: '', functionName: ''}\n",
      ),
    ],
    [
      "a record",
      blueprint("kind: Sensor\nmetadata: {labels: {a: b}, locationname: home}\nspec: {a: [1, null, {b: 1.5}]}\n"),
    ],
    [
      "a container",
      container(
        `kwargs: {docker-image: alpine, cmd: ls, args: ["-l", "'a b'"], init-cmd: cd /, debug: true}\n${run}env: {A: plain}\n`,
      ),
    ],
    [
      "a local program",
      fn("kwargs: {cmd: /bin/ls, args: [-l, 'a b; c']}\nconditions: {executortype: local-executor}\n").replace(
        "funcname: g",
        "funcname: execute",
      ),
    ],
  ])("%s", (_, text) => {
    expect(resourceDiagnostics(text).map(shown)).toEqual([]);
  });
});

test("a kind that does not exist, two of one name, and fields named like JavaScript's own", () => {
  expect(resourceDiagnostics(called().replace("Function", "Functoin")).map((fault) => fault.hint)).toEqual([
    "A kind is one of Function, Workflow, Cron, Generator, BlueprintDefinition, Blueprint; the nearest is Function.",
  ]);
  expect(resourceDiagnostics(`${called()}---\n${called()}`).map(summary)).toEqual(["template/duplicate 8:7"]);
  expect(resourceDiagnostics(called("constructor: 1\n__proto__: 2\n")).map(summary)).toEqual([
    "resource/unknown-field 6:3",
    "resource/unknown-field 7:3",
  ]);
});

test("of very many faults the first hundred are kept", () => {
  const fields = Array.from({ length: 3000 }, (_, index) => `x${index}: 1\n`).join("");
  expect(resourceDiagnostics(called(fields))).toHaveLength(100);
});

function shown({ code, severity, location }: Diagnostic): string {
  const marked = location?.lineText.slice(location.column - 1, location.column - 1 + location.width) ?? "";
  return `${code}${severity === "warning" ? "?" : ""} ${marked.length > 40 ? `${marked.slice(0, 40)}…` : marked}`;
}

/** Nodes written `name: dependency`. */
function dependent(...list: string[]): string {
  return list
    .map((entry) => {
      const [name = "", dependency = ""] = entry.split(":").map((part) => part.trim());
      return `- {funcname: g, conditions: {executortype: w, dependencies: [${dependency}]}, nodename: ${name}}\n`;
    })
    .join("");
}

function indent(text: string, width = 2): string {
  return text.replace(/^(?=.)/gm, " ".repeat(width));
}
