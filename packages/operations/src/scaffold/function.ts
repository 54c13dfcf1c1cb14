import { commonFiles } from "./manifest-text.ts";
import type { Scaffold } from "./scaffold.ts";

export const functionScaffold: Scaffold = {
  summary: "one function that runs when the package is installed",
  files: (name, base) => [
    ...commonFiles(
      name,
      "Greet somebody.",
      "  - {key: who, label: Who, type: string, default: world, description: Whom to greet.}",
    ),
    {
      path: `templates/${base}.yaml`,
      text: `kind: Function
name: ${base}
spec:
  funcname: execute
  kwargs:
    cmd: \${package.path}/payload/greet.sh
    args: ["\${inputs.who}"]
  conditions: {executortype: local-executor}
  maxexectime: 60
`,
    },
    {
      path: "payload/greet.sh",
      executable: true,
      text: `#!/bin/sh
# Prints a greeting. What is printed is the log; a line of JSON in $CPM_OUTPUT is a result.
set -eu
echo "hello, $1"
echo "{\\"letters\\": \${#1}}" >> "$CPM_OUTPUT"
`,
    },
  ],
};
