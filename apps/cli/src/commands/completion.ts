import { defineCommand } from "../command.ts";

const shells = ["bash", "zsh", "fish"] as const;

export const completion = defineCommand({
  name: "completion",
  summary: "Print the completion script of a shell",
  arguments: [{ name: "shell", description: shells.join(", ") }],
  options: {},
  examples: [
    { line: "source <(cpm completion bash)", description: "Complete in this bash." },
    { line: "cpm completion zsh > ~/.zfunc/_cpm", description: "Complete in every zsh." },
    { line: "cpm completion fish | source", description: "Complete in this fish." },
  ],
  async run({ args, output }) {
    const { completionScript } = await import("../completion.ts");
    output.raw(await completionScript(args[0] ?? ""));
    return 0;
  },
});
