import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpmRegistry } from "../command.ts";
import { startRegistryProcess } from "../registry-process.ts";
import { describeProtocol } from "./protocol.contract.ts";

describeProtocol("cpm-registry on SQLite and a directory, with users", async () => {
  const data = mkdtempSync(join(tmpdir(), "cpm-protocol-"));
  const run = async (...args: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await cpmRegistry([...args, "--data", data]);
    if (exitCode !== 0) throw new Error(`cpm-registry ${args.join(" ")}: ${stderr}`);
    return stdout.trim();
  };
  for (const args of [
    ["user", "add", "root", "--admin", "--no-password"],
    ["user", "add", "nina", "--no-password"],
    ["namespace", "add", "acme", "--private", "--owner", "nina"],
  ])
    await run(...args);
  // Not a password: hundreds of sign-ins would each cost what argon2id is made to cost.
  const password = await run("token", "create", "nina", "--scope", "publish", "--scope", "yank");
  const registry = await startRegistryProcess(data, { open: false });
  return {
    target: { endpoint: `http://${registry.host}`, credentials: { username: "nina", password }, namespace: "acme" },
    async close() {
      await registry.end("SIGTERM");
      rmSync(data, { recursive: true, force: true });
    },
  };
});
