import type { PackageName } from "@cpm/model";
import type { ScaffoldFile } from "./scaffold.ts";

/** The files that every new package has. */
export function commonFiles(name: PackageName, description: string, inputs: string): readonly ScaffoldFile[] {
  return [
    {
      path: "colony.yaml",
      text: `apiVersion: cpm/v1
name: ${name}
version: 0.1.0
description: ${description}
license: Apache-2.0
requires:
  executors:
    - {type: local-executor} # runs programs of the payload; \`cpm dev up\` starts one here
inputs:
${inputs}
payload:
  - {include: ["payload/**"]}
`,
    },
    {
      path: "README.md",
      text: `# ${name}

${description}

    cpm lint .
    cpm dev up
    cpm install . --wait
`,
    },
  ];
}
