import type { Workplace } from "./workplace.ts";

/** Writes a package with one function and two inputs, for an executor type. */
export function writeSamplePackage(place: Workplace, folder: string, name: string, executor: string): void {
  place.write(
    `${folder}/colony.yaml`,
    `apiVersion: cpm/v1
name: ${name}
version: 1.0.0
description: A sample.
license: Apache-2.0
requires:
  executors: [{type: ${executor}}]
inputs:
  - {key: who, type: string, default: world}
  - {key: shards, type: int, default: 4, min: 1, max: 64}
payload:
  - {include: ["payload/**"]}
`,
  );
  place.write(
    `${folder}/templates/work.yaml`,
    `kind: Function
name: work
spec:
  funcname: execute
  kwargs: {cmd: "\${package.path}/payload/run.sh", args: ["\${inputs.who}"]}
  conditions: {executortype: ${executor}}
  maxexectime: 60
`,
  );
  place.write(`${folder}/payload/run.sh`, "#!/bin/sh\n");
}
