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
    const shell = args[0] ?? "";
    const script = await completionScript(shell);
    output.data({ shell, script }, () => script);
    return 0;
  },
});
