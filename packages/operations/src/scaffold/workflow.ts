import { commonFiles } from "./manifest-text.ts";
import type { Scaffold } from "./scaffold.ts";

export const workflowScaffold: Scaffold = {
  summary: "a workflow: several functions at once, then one that joins their results",
  files: (name, base) => [
    ...commonFiles(
      name,
      "Square some numbers in parallel and add them up.",
      "  - {key: count, label: Count, type: int, default: 3, min: 1, max: 20, description: How many numbers.}",
    ),
    {
      path: `templates/${base}.yaml`,
      text: `kind: Workflow
name: ${base}
spec:
  functionspecs:
    - $for: {n: "\${range(inputs.count)}"}
      nodename: square-\${string(n + 1)}
      funcname: execute
      kwargs:
        cmd: \${package.path}/payload/square.sh
        args: ["\${string(n + 1)}"]
      conditions: {executortype: local-executor}
      maxexectime: 60
    - nodename: sum
      funcname: execute
      kwargs:
        cmd: \${package.path}/payload/sum.sh
      conditions:
        executortype: local-executor
        dependencies: \${range(inputs.count).map(n, "square-" + string(n + 1))}
      maxexectime: 60
`,
    },
    {
      path: "payload/square.sh",
      executable: true,
      text: `#!/bin/sh
# One number squared. A line of JSON in $CPM_OUTPUT is a result, which the nodes that depend on this one read.
set -eu
echo $(($1 * $1)) >> "$CPM_OUTPUT"
`,
    },
    {
      path: "payload/sum.sh",
      executable: true,
      text: `#!/bin/sh
# $CPM_INPUT holds the results of the nodes before this one, as one JSON list: [1,4,9].
set -eu
sum=0
for number in $(tr -d '[] \\n' < "$CPM_INPUT" | tr ',' ' '); do sum=$((sum + number)); done
echo "the sum of the squares is $sum"
echo "$sum" >> "$CPM_OUTPUT"
`,
    },
  ],
};
