import { describe, expect, test } from "bun:test";
import type { JsonObject } from "@cpm/base";
import type { Executor, ExecutorState } from "@cpm/colonies";
import { parseManifest } from "@cpm/model";
import { manifest } from "../testing/packages.ts";
import { checkRequirements } from "./requirements.ts";

function executor(name: string, type: string, state: ExecutorState = "approved", arch?: string): Executor {
  const capabilities: JsonObject = arch === undefined ? {} : { hardware: [{ architecture: arch }], software: null };
  const when = { registeredAt: undefined, lastHeardAt: undefined };
  return { id: name, name, type, state, capabilities, colonyName: "dev", locationName: "", ...when };
}

const all = [
  executor("edge-1", "worker", "approved", "arm64"),
  executor("edge-2", "worker", "unregistered", "amd64"),
  executor("any-1", "runner"),
  executor("new-1", "shell", "pending"),
  executor("odd-1", "odd", "approved", ""),
];

function check(
  requires: string,
  used: readonly string[] = [],
  executors: readonly Executor[] = all,
  colonyos?: string,
) {
  const parsed = parseManifest({ path: "colony.yaml", text: manifest("a/b", "1.0.0", `requires: ${requires}\n`) });
  return checkRequirements([parsed], new Set(used), executors, { cpm: "0.3.0", colonyos }).map(
    ({ what, result, detail }) => `${what}: ${result} (${detail})`,
  );
}

describe("requirements", () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ["{}", [], []],
    ["{executors: [{type: worker}]}", [], ["executor worker: met (edge-1)"]],
    ["{executors: [{type: worker, arch: [arm64, amd64]}]}", [], ["executor worker on arm64 or amd64: met (edge-1)"]],
    [
      "{executors: [{type: worker, arch: [amd64]}]}",
      [],
      ["executor worker on amd64: missing (those of the type run on arm64)"],
    ],
    ["{executors: [{type: runner, arch: [amd64]}]}", [], ["executor runner on amd64: met (any-1)"]],
    ["{executors: [{type: odd, arch: [amd64]}]}", [], ["executor odd on amd64: met (odd-1)"]],
    ["{executors: [{type: shell}]}", [], ["executor shell: missing (new-1 is pending)"]],
    ["{executors: [{type: gpu}]}", [], ["executor gpu: missing (the colony has worker, runner, odd)"]],
    [
      "{}",
      ["runner", "gpu"],
      ["executor runner: met (any-1)", "executor gpu: missing (the colony has worker, runner, odd)"],
    ],
    ["{executors: [{type: runner}]}", ["runner"], ["executor runner: met (any-1)"]],
    ['{cpm: ">=0.2"}', [], ["cpm >=0.2 for a/b: met (this is cpm 0.3.0)"]],
    ['{cpm: "^1"}', [], ["cpm ^1 for a/b: missing (this is cpm 0.3.0)"]],
    ['{colonyos: ">=1.9.12"}', [], ["ColonyOS >=1.9.12 for a/b: unchecked (the server does not tell its version)"]],
  ])("%s with work for %j", (requires, used, expected) => {
    expect(check(requires, used)).toEqual([...expected]);
  });

  test("in an empty colony", () => {
    expect(check("{executors: [{type: x}]}", [], [])).toEqual(["executor x: missing (the colony has no executor)"]);
  });
});
