import { commonFiles } from "./manifest-text.ts";
import type { Scaffold } from "./scaffold.ts";

export const cronScaffold: Scaffold = {
  summary: "a schedule that starts a function again and again",
  files: (name, base) => [
    ...commonFiles(
      name,
      "Report on the disk at fixed times.",
      `  - key: schedule
    label: Schedule
    type: string
    default: "0 0 3 * * *"
    description: When it runs; six fields, seconds first.`,
    ),
    {
      path: `templates/${base}.yaml`,
      text: `kind: Cron
name: ${base}
spec:
  cronexpression: \${inputs.schedule}
  workflowspec:
    functionspecs:
      - nodename: report
        funcname: execute
        kwargs:
          cmd: \${package.path}/payload/report.sh
        conditions: {executortype: local-executor}
        maxexectime: 300
`,
    },
    {
      path: "payload/report.sh",
      executable: true,
      text: `#!/bin/sh
set -eu
df -k . | awk 'NR == 2 { printf "%s kB of %s kB are free\\n", $4, $2 }'
`,
    },
  ],
};
