import type { StorageMode } from "../storage-mode.ts";
import type { OpenTarget } from "./protocol.contract.ts";

/** A process on a storage of its own, with users, and a private namespace of one of them. */
export async function openTarget(mode: StorageMode): Promise<OpenTarget> {
  const storage = await mode.open();
  for (const args of [
    ["user", "add", "root", "--admin", "--no-password"],
    ["user", "add", "nina", "--no-password"],
    ["namespace", "add", "acme", "--private", "--owner", "nina"],
  ])
    await storage.command(args);
  // Not a password: hundreds of sign-ins would each cost what argon2id is made to cost.
  const password = await storage.command(["token", "create", "nina", "--scope", "publish", "--scope", "yank"]);
  const registry = await storage.start({ open: false });
  return {
    target: { endpoint: `http://${registry.host}`, credentials: { username: "nina", password }, namespace: "acme" },
    async close() {
      await registry.end("SIGTERM");
      storage.close();
    },
  };
}
