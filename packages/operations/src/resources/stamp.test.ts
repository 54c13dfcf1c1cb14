import { describe, expect, test } from "bun:test";
import type { JsonObject } from "@cpm/base";
import { readMarks, readScheduleMarks, stampObject } from "./stamp.ts";

const marks = { release: "books", revision: 4, package: "rise/words@1.0.0", resource: "Cron/nightly" };
const env = {
  CPM_RELEASE: "books",
  CPM_REVISION: "4",
  CPM_PACKAGE: "rise/words@1.0.0",
  CPM_RESOURCE: "Cron/nightly",
};

describe("the marks of a release", () => {
  test("are put into a function, beside what it has and over what it pretends", () => {
    const spec = { funcname: "f", label: "mine", env: { A: "1", CPM_RELEASE: "forged" }, kwargs: { funcname: "x" } };
    expect(stampObject(spec, marks)).toEqual({ ...spec, label: "cpm:books", env: { A: "1", ...env } });
  });

  test("are put into every function of a workflow and of a schedule", () => {
    const workflow = { functionspecs: [{ funcname: "a" }, { funcname: "b", env: { X: "y" } }] };
    const stamped = {
      functionspecs: [
        { funcname: "a", label: "cpm:books", env },
        { funcname: "b", label: "cpm:books", env: { X: "y", ...env } },
      ],
    };
    expect(stampObject(workflow, marks)).toEqual(stamped);
    expect(stampObject({ interval: 5, workflowspec: workflow }, marks)).toEqual({ interval: 5, workflowspec: stamped });
  });

  test("are nothing that a blueprint has", () => {
    const blueprint = { kind: "K", spec: { a: 1 } };
    expect(stampObject(blueprint, marks)).toEqual(blueprint);
  });

  test("leave what they are put into as it was", () => {
    const spec: JsonObject = { funcname: "f", env: {} };
    stampObject(spec, marks);
    expect(spec).toEqual({ funcname: "f", env: {} });
  });

  test("are read again from a process and from the text of a schedule", () => {
    const stamped = stampObject({ workflowspec: { functionspecs: [{ funcname: "a" }] } }, marks);
    const { package: _package, ...read } = marks;
    expect(readMarks({ env })).toEqual(read);
    expect(readScheduleMarks(JSON.stringify({ colonyname: "dev", ...(stamped["workflowspec"] as object) }))).toEqual(
      read,
    );
  });

  test.each<[JsonObject]>([
    [{}],
    [{ env: [] }],
    [{ env: { ...env, CPM_REVISION: "four" } }],
    [{ env: { CPM_REVISION: "4", CPM_RESOURCE: "Cron/nightly" } }],
    [{ env: { ...env, CPM_RESOURCE: 7 } }],
    [{ env: { ...env, CPM_REVISION: { toString: "" } } }],
  ])("are not found in %j", (spec) => {
    expect(readMarks(spec)).toBeUndefined();
  });

  test.each([
    "",
    "not json",
    "[]",
    "{}",
    '{"functionspecs":[]}',
    '{"functionspecs":{}}',
    '{"functionspecs":[null]}',
    '{"a":1,"a":2}',
  ])("are not found in the schedule text %j", (text) => expect(readScheduleMarks(text)).toBeUndefined());
});
