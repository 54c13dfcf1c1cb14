import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { installPythonPackages, pythonPackages, whyNoGo, whyNoPython } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";
import { buf, complaintsOf } from "./buf.ts";

/** A language that code is generated in, into a folder that has nothing else. */
export interface CodeTarget {
  readonly language: string;
  readonly folder: string;
  /** Why it cannot be generated on this machine. */
  readonly whyNot: () => string | undefined;
  /** Generates into the same folder below `output`; answers what failed, empty when nothing did. */
  readonly generate: (root: string, output: string) => Promise<string>;
}

export const codeTargets: readonly CodeTarget[] = [
  {
    language: "TypeScript",
    folder: "packages/agent-client/gen",
    whyNot: () => undefined,
    generate: (root, output) => buf(root, "generate", "proto", "--template", "proto/buf.gen.yaml", "-o", output),
  },
  {
    language: "Go",
    folder: "sdk/go/agentpb",
    whyNot: whyNoGo,
    generate: (root, output) =>
      buf(root, "generate", "proto", "--path", "proto/cpm", "--template", "proto/buf.gen.go.yaml", "-o", output),
  },
  { language: "Python", folder: "sdk/python/cpm", whyNot: whyNoPython, generate: generatePython },
];

/** By Google's own compiler, which PyPI has as a package. */
async function generatePython(root: string, output: string): Promise<string> {
  const packages = await installPythonPackages(pythonPackages.grpcTools, defaultCacheDirectory());
  const folder = join(output, "sdk/python");
  mkdirSync(folder, { recursive: true });
  const outputs = ["--python_out", "--pyi_out", "--grpc_python_out"].map((flag) => `${flag}=${folder}`);
  const command = ["python3", "-m", "grpc_tools.protoc", "-I", "proto", ...outputs, "proto/cpm/agent/v1/agent.proto"];
  return complaintsOf(command, root, { PYTHONPATH: packages });
}
