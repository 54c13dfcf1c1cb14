import type { RenderedMap } from "../rendered.ts";
import { childOf, integerOf, itemsOf, textOf } from "../rendered.ts";
import { checkContainerRules } from "./container-rules.ts";
import { checkLocalRules } from "./local-rules.ts";
import type { ReportRule } from "./report-rule.ts";
import { checkCount, noteIgnored } from "./report-rule.ts";

/** A btree row of the server's database holds about 2.7 kB; a longer indexed value fails at insert. */
const maxIndexedLength = 2000;
const maxInt64 = 2n ** 63n - 1n;
const maxChannels = 100;
const objectName = /^[A-Za-z0-9._-]{1,128}$/;

/** The traps of one function spec, alone or in a workflow. */
export function checkFunction(spec: RenderedMap, add: ReportRule): void {
  const time = childOf(spec, "maxexectime");
  if (time !== undefined && integerOf(time) === 0n)
    add("resource/max-exec-time", time, "maxexectime 0 fails the process about a second after it starts");
  checkCount(spec, "priority", [-50_000n, 50_000n], "lies between -50000 and 50000", add);
  for (const key of ["maxwaittime", "maxexectime", "maxretries"])
    checkCount(spec, key, [-1n, maxInt64], "is -1 (no limit) or more", add);
  const retries = childOf(spec, "maxretries");
  if (retries !== undefined && (integerOf(retries) ?? 0n) > 0n && (integerOf(time) ?? -1n) < 0n) {
    const message = "only work that outlives its maxexectime is tried again, and there is none";
    add("resource/ignored", retries, message, "Set maxexectime to the seconds that the work may take.");
  }
  checkIndexed(spec, "funcname", add);
  noteIgnored(spec, ["label"], add);
  checkEnvironmentNames(spec, add);
  checkChannels(spec, add);
  checkFileSystem(spec, add);
  const conditions = childOf(spec, "conditions");
  if (conditions?.kind === "map") checkConditions(conditions, add);
  checkContainerRules(spec, add);
  checkLocalRules(spec, add);
}

function checkConditions(conditions: RenderedMap, add: ReportRule): void {
  checkIndexed(conditions, "executortype", add);
  const names = childOf(conditions, "executornames");
  for (const name of itemsOf(names)) {
    const text = textOf(name) ?? "";
    if (text === "*") {
      const hint = "Leave executornames empty for any executor.";
      add("resource/any-executor", name, '"*" matches nothing on a server with exclusive assignment', hint);
    } else if (!objectName.test(text))
      add("resource/name", name, `${JSON.stringify(text)} cannot be an executor's name`);
  }
  const length = itemsOf(names).reduce((sum, name) => sum + (textOf(name) ?? "").length, 0);
  if (names !== undefined && length > maxIndexedLength)
    add("resource/too-long", names, `executornames are longer than the ${maxIndexedLength} characters of an index`);
  const location = childOf(conditions, "locationname");
  if (location !== undefined && !/^(?:[A-Za-z0-9._-]{1,128})?$/.test(textOf(location) ?? ""))
    add("resource/name", location, `${JSON.stringify(textOf(location))} cannot be a location's name`);
  checkQuantity(conditions, "cpu", /^\d{1,15}m$/, add);
  checkQuantity(conditions, "mem", /^\d{1,12}(?:Mi|Gi|Ki)$/, add);
  const gpu = childOf(conditions, "gpu");
  if (gpu?.kind === "map") {
    checkQuantity(gpu, "mem", /^\d{1,12}(?:Mi|Gi|Ki)$/, add);
    for (const key of ["count", "nodecount"]) checkCount(gpu, key, [0n, maxInt64], "is 0 or more", add);
  }
  const storage = childOf(conditions, "storage");
  if (storage !== undefined && !["", "0Mi"].includes(textOf(storage) ?? "")) {
    const message = "a storage demand is never met by a server with exclusive assignment";
    add("resource/storage", storage, message, "Leave storage empty.");
  }
  for (const key of ["nodes", "processes", "processespernode"])
    checkCount(conditions, key, [0n, 127n], "lies between 0 and 127; with more the work is never assigned", add);
  checkCount(conditions, "walltime", [0n, maxInt64], "is 0 (none) or more seconds", add);
  noteIgnored(conditions, ["colonyname"], add);
}

function checkQuantity(map: RenderedMap, key: string, pattern: RegExp, add: ReportRule): void {
  const node = childOf(map, key);
  const text = textOf(node);
  if (node === undefined || text === undefined || text === "" || pattern.test(text)) return;
  const consequence =
    key === "cpu" ? "ColonyOS reads it as no demand or refuses it" : "ColonyOS refuses it, or takes it only sometimes";
  add("resource/unit", node, `${key} ${JSON.stringify(text)}: ${consequence}`);
}

/** Texts that the server finds processes by. */
function checkIndexed(map: RenderedMap, key: string, add: ReportRule): void {
  const node = childOf(map, key);
  const text = textOf(node);
  if (node === undefined || text === undefined) return;
  if (text === "") add("resource/invalid-value", node, `${key} is empty`, "No executor has an empty one.");
  else if (text.length > maxIndexedLength)
    add("resource/too-long", node, `${key} is longer than the ${maxIndexedLength} characters of an index`);
}

/** `CPM_*` is how a release finds its work again; what a template writes there would be overwritten. */
function checkEnvironmentNames(spec: RenderedMap, add: ReportRule): void {
  const env = childOf(spec, "env");
  for (const { key, value } of env?.kind === "map" ? env.entries : []) {
    if (key === "" || /[=\0]/.test(key)) {
      const message = `${JSON.stringify(key)} cannot be the name of a variable`;
      add("resource/invalid-value", value, message, "Letters, digits and underscores.");
    }
    if (/^CPM_(?:RELEASE|REVISION|PACKAGE|RESOURCE)$/.test(key))
      add("resource/reserved", value, `${key} is set when the package is installed`, "Choose another name.");
  }
}

function checkChannels(spec: RenderedMap, add: ReportRule): void {
  const channels = childOf(spec, "channels");
  const names = itemsOf(channels).map((channel) => textOf(channel) ?? "");
  if (channels === undefined || names.length === 0) return;
  const hint = `A process has at most ${maxChannels} channels, each with a name of its own.`;
  if (names.length > maxChannels) add("resource/invalid-value", channels, `these are ${names.length} channels`, hint);
  if (names.includes("") || new Set(names).size < names.length)
    add("resource/invalid-value", channels, "two channels have one name, or one has none", hint);
}

/** Without a mount nothing is synchronised; without `keepsnapshot` the executor deletes what was there before. */
function checkFileSystem(spec: RenderedMap, add: ReportRule): void {
  const fs = childOf(spec, "fs");
  const [snapshots, directories] = [itemsOf(childOf(fs, "snapshots")), itemsOf(childOf(fs, "dirs"))];
  if (fs !== undefined && snapshots.length + directories.length > 0 && (textOf(childOf(fs, "mount")) ?? "") === "") {
    const message = "without fs.mount no directory and no snapshot is synchronised";
    add("resource/no-mount", childOf(fs, "mount") ?? fs, message, "Executors of containers use mount: /cfs.");
  }
  for (const entry of [...snapshots, ...directories]) {
    const label = childOf(entry, "label");
    if (label !== undefined && !(textOf(label) ?? "/").startsWith("/"))
      add("resource/invalid-value", label, `"${textOf(label)}" is not a label`, "A label starts with /.");
  }
  for (const snapshot of snapshots) {
    if (childOf(snapshot, "keepsnapshot") !== undefined) continue;
    const message = "the executor deletes the snapshot after the run unless keepsnapshot is true";
    add("resource/lost-snapshot", snapshot, message, "Write keepsnapshot: true, or false where that is meant.");
  }
}
