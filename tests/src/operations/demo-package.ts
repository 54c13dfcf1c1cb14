import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export const demoExecutor = "demo-executor";

/** How many resources of the package are created one after the other. */
export const demoResources = 6;

/** Writes files below a folder; what ends in `.sh` can be run. */
export function writeFiles(root: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    const target = join(root, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
    chmodSync(target, path.endsWith(".sh") ? 0o755 : 0o644);
  }
  return root;
}

/** One resource of every kind that a user can create, and a payload of two files. */
export function writeDemoPackage(root: string): string {
  return writeFiles(root, {
    "colony.yaml": `apiVersion: cpm/v1
name: tests/demo
version: 1.0.0
description: One of everything.
requires:
  executors: [{type: ${demoExecutor}}]
inputs:
  - {key: who, type: string, default: world}
payload:
  - {include: ["payload/**"]}
`,
    "payload/greet.sh": "#!/bin/sh\necho hello\n",
    "payload/data.txt": "some data\n".repeat(100),
    "templates/a-blueprint.yaml": `kind: Blueprint
name: note
spec:
  kind: DemoNote
  metadata: {labels: {site: lab}}
  spec: {who: "\${inputs.who}"}
`,
    "templates/b-function.yaml": `kind: Function
name: greet
spec:
  funcname: greet
  kwargs: {cmd: "\${package.path}/payload/greet.sh", who: "\${inputs.who}"}
  conditions: {executortype: ${demoExecutor}}
  maxexectime: 60
`,
    "templates/c-workflow.yaml": `kind: Workflow
name: chain
spec:
  functionspecs:
    - {nodename: first, funcname: greet, conditions: {executortype: ${demoExecutor}}, maxexectime: 60}
    - {nodename: second, funcname: greet, conditions: {executortype: ${demoExecutor}, dependencies: [first]}, maxexectime: 60}
`,
    "templates/d-generator.yaml": `kind: Generator
name: gather
spec:
  trigger: 3
  workflowspec:
    functionspecs: [{nodename: gathered, funcname: greet, conditions: {executortype: ${demoExecutor}}, maxexectime: 60}]
`,
    "templates/e-cron.yaml": `kind: Cron
name: yearly
spec:
  cronexpression: "0 0 3 1 1 *"
  workflowspec:
    functionspecs: [{nodename: tick, funcname: greet, conditions: {executortype: ${demoExecutor}}, maxexectime: 60}]
`,
    "templates/f-definition.yaml": `kind: BlueprintDefinition
name: demonotes
spec:
  spec:
    group: tests.colonyos.io
    version: v1
    names: {kind: DemoNote, listKind: DemoNoteList, singular: demonote, plural: demonotes}
    scope: Namespaced
    schema: {type: object, properties: {who: {type: string}}}
    handler: {executorType: "", functionName: ""}
`,
  });
}
