import { debianPrograms, installDebianProgram } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";
import { readImageLayout, writeImageLayout } from "./image-layout.ts";
import { ToolHome } from "./registry-tool.ts";
import type { RegistryTool, ToolUnderTest } from "./registry-tool.ts";

export const skopeo: ToolUnderTest = {
  name: "skopeo",
  checksLogin: true,
  async install() {
    const { executable, env } = await installDebianProgram(debianPrograms.skopeo, defaultCacheDirectory());
    return () => open(new ToolHome(executable, env));
  },
};

function open(home: ToolHome): RegistryTool {
  const authfile = home.fresh("auth.json");
  // The policy says whose signatures an image needs; the machine may have none.
  const copy = ["--insecure-policy", "copy", "--authfile", authfile];
  return {
    login: (host, username, password) =>
      home.run(
        ["login", "--tls-verify=false", "--authfile", authfile, "--username", username, "--password-stdin", host],
        { stdin: password },
      ),
    async push(reference, content) {
      const layout = home.fresh("push");
      writeImageLayout(layout, content);
      return home.run([...copy, "--dest-tls-verify=false", `oci:${layout}`, `docker://${reference}`]);
    },
    async pull(reference) {
      const layout = home.fresh("pull");
      const run = await home.run([...copy, "--src-tls-verify=false", `docker://${reference}`, `oci:${layout}`]);
      return run.exitCode === 0 ? { ...run, content: readImageLayout(layout) } : run;
    },
    close: () => home.close(),
  };
}
