import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { goPrograms, installGoProgram } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";
import { ToolHome } from "./registry-tool.ts";
import type { RegistryTool, ToolUnderTest } from "./registry-tool.ts";

export const oras: ToolUnderTest = {
  name: "oras",
  checksLogin: true,
  async install() {
    const executable = await installGoProgram(goPrograms.oras, defaultCacheDirectory());
    return () => open(new ToolHome(executable));
  },
};

function open(home: ToolHome): RegistryTool {
  return {
    login: (host, username, password) =>
      home.run(["login", "--plain-http", "-u", username, "--password-stdin", host], { stdin: password }),
    async push(reference, content) {
      const cwd = home.fresh("push");
      mkdirSync(cwd);
      writeFileSync(join(cwd, "content.bin"), content);
      return home.run(["push", "--plain-http", reference, "content.bin:application/x.test"], { cwd });
    },
    async pull(reference) {
      const folder = home.fresh("pull");
      const run = await home.run(["pull", "--plain-http", "-o", folder, reference]);
      const file = join(folder, "content.bin");
      return existsSync(file) ? { ...run, content: new Uint8Array(readFileSync(file)) } : run;
    },
    close: () => home.close(),
  };
}
