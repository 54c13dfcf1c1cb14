import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeBase64 } from "@cpm/oci";
import { goPrograms, installGoProgram } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";
import { ToolHome } from "./registry-tool.ts";
import type { RegistryTool, ToolUnderTest } from "./registry-tool.ts";

/** A chart's name is the last part of the repository, and its version the tag. */
export const helm: ToolUnderTest = {
  name: "helm",
  checksLogin: true,
  async install() {
    const executable = await installGoProgram(goPrograms.helm, defaultCacheDirectory());
    return () => open(new ToolHome(executable));
  },
};

function open(home: ToolHome): RegistryTool {
  return {
    login: (host, username, password) =>
      home.run(["registry", "login", "--plain-http", "-u", username, "--password-stdin", host], { stdin: password }),
    async push(reference, content) {
      const { parent, name, version } = partsOf(reference);
      const chart = home.fresh("chart");
      mkdirSync(join(chart, "files"), { recursive: true });
      writeFileSync(join(chart, "Chart.yaml"), `apiVersion: v2\nname: ${name}\nversion: ${version}\n`);
      writeFileSync(join(chart, "files/content.txt"), encodeBase64(content));
      const packed = await home.run(["package", chart, "-d", chart]);
      if (packed.exitCode !== 0) return packed;
      return home.run(["push", "--plain-http", join(chart, `${name}-${version}.tgz`), `oci://${parent}`]);
    },
    async pull(reference) {
      const { parent, name, version } = partsOf(reference);
      const folder = home.fresh("pull");
      mkdirSync(folder);
      const source = `oci://${parent}/${name}`;
      const run = await home.run(["pull", "--plain-http", source, "--version", version, "--untar", "-d", folder]);
      const file = join(folder, name, "files/content.txt");
      return existsSync(file)
        ? { ...run, content: new Uint8Array(Buffer.from(readFileSync(file, "utf8"), "base64")) }
        : run;
    },
    close: () => home.close(),
  };
}

function partsOf(reference: string) {
  const [, parent = "", name = "", version = ""] = /^(.+)\/([^/:]+):([^:]+)$/.exec(reference) ?? [];
  return { parent, name, version };
}
