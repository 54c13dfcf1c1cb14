import { goPrograms, installGoProgram } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";
import { readImageLayout, writeImageLayout } from "./image-layout.ts";
import { ToolHome } from "./registry-tool.ts";
import type { RegistryTool, ToolUnderTest } from "./registry-tool.ts";

/** Uses http for loopback addresses by itself, and writes credentials down without asking the registry. */
export const crane: ToolUnderTest = {
  name: "crane",
  checksLogin: false,
  async install() {
    const executable = await installGoProgram(goPrograms.crane, defaultCacheDirectory());
    return () => open(new ToolHome(executable));
  },
};

function open(home: ToolHome): RegistryTool {
  return {
    login: (host, username, password) =>
      home.run(["auth", "login", "-u", username, "--password-stdin", host], { stdin: password }),
    async push(reference, content) {
      const layout = home.fresh("push");
      writeImageLayout(layout, content);
      return home.run(["push", layout, reference]);
    },
    async pull(reference) {
      const layout = home.fresh("pull");
      const run = await home.run(["pull", "--format", "oci", reference, layout]);
      return run.exitCode === 0 ? { ...run, content: readImageLayout(layout) } : run;
    },
    close: () => home.close(),
  };
}
