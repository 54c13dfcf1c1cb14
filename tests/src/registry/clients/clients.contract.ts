import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@cpm/store";
import { cpmRegistry } from "../command.ts";
import { startRegistryProcess } from "../registry-process.ts";
import type { RegistryProcess } from "../registry-process.ts";
import { someBytes } from "../testing.ts";
import type { RegistryTool, ToolUnderTest } from "./registry-tool.ts";

const password = "correct horse battery";
/** A cold build on a busy machine. */
const installTimeoutMs = 15 * 60_000;

/** What each of other people's programs must be able to do with a registry that has users, and what it must not. */
export function describeClient({ name, install, checksLogin }: ToolUnderTest): void {
  describe(`${name}, with users and tokens`, () => {
    const data = mkdtempSync(join(tmpdir(), `cpm-client-${name}-`));
    const tools: RegistryTool[] = [];
    let openTool: () => RegistryTool;
    let registry: RegistryProcess;
    let count = 0;

    beforeAll(async () => {
      openTool = await install();
      for (const args of [
        ["user", "add", "root", "--admin", "--no-password"],
        ["user", "add", "nina", "--password-stdin"],
        ["user", "add", "otto", "--password-stdin"],
        ["namespace", "add", "hidden", "--private", "--owner", "nina"],
        ["namespace", "add", "shown", "--owner", "nina"],
      ])
        await administer(args);
      registry = await startRegistryProcess(data, { open: false });
    }, installTimeoutMs);
    afterAll(async () => {
      for (const tool of tools) tool.close();
      await registry.end("SIGTERM");
      rmSync(data, { recursive: true, force: true });
    });

    async function administer(args: readonly string[]): Promise<string> {
      const { exitCode, stdout, stderr } = await cpmRegistry([...args, "--data", data], `${password}\n`);
      if (exitCode !== 0) throw new Error(`cpm-registry ${args.join(" ")}: ${stderr}`);
      return stdout.trim();
    }
    /** A program with an empty home, signed in where somebody is named. */
    async function toolOf(username?: string, secret = password): Promise<RegistryTool> {
      const tool = openTool();
      tools.push(tool);
      if (username === undefined) return tool;
      const { exitCode, output } = await tool.login(registry.host, username, secret);
      if (exitCode !== 0) throw new Error(`${name} could not sign in: ${output}`);
      return tool;
    }
    const token = (...options: readonly string[]): Promise<string> =>
      administer(["token", "create", "nina", ...options]);
    const reference = (namespace: string, app = `app-${++count}`): string =>
      `${registry.host}/${namespace}/${app}:1.0.0`;
    const pushed = async (namespace: string, content: Uint8Array): Promise<string> => {
      const target = reference(namespace);
      expect((await (await toolOf("nina")).push(target, content)).exitCode).toBe(0);
      return target;
    };
    async function expectPulled(tool: RegistryTool, target: string, content: Uint8Array): Promise<void> {
      const { exitCode, output, content: pulled } = await tool.pull(target);
      expect([exitCode, output]).toEqual([0, expect.any(String)]);
      expect(pulled === undefined ? "nothing" : digestOf(pulled)).toBe(digestOf(content));
    }
    async function expectRefused(run: Promise<{ exitCode: number; output: string }>): Promise<void> {
      const { exitCode, output } = await run;
      expect(exitCode).not.toBe(0);
      // For want of a right or of a name for it, not for some other mishap.
      expect(output.toLowerCase()).toMatch(
        /401|403|404|unauthorized|denied|not found|forbidden|unknown|(invalid|incorrect) username/,
      );
      expect(output).not.toContain(password);
    }

    test("a user signs in by password, pushes to a private namespace, and pulls the same bytes", async () => {
      const tool = await toolOf("nina");
      const [target, content] = [reference("hidden"), someBytes(300_000, 1)];
      const { exitCode, output } = await tool.push(target, content);
      expect([exitCode, output]).toEqual([0, expect.any(String)]);
      await expectPulled(tool, target, content);
      await expectPulled(await toolOf("nina"), target, content);
    }, 60_000);

    test("a token in the password's place does what its scopes say and no more", async () => {
      const publisher = await toolOf("nina", await token("--scope", "publish"));
      const reader = await toolOf("nina", await token("--scope", "read"));
      const [target, content] = [reference("hidden"), someBytes(50_000, 2)];
      expect((await publisher.push(target, content)).exitCode).toBe(0);
      await expectPulled(publisher, target, content);
      await expectPulled(reader, target, content);
      await expectRefused(reader.push(reference("hidden"), someBytes(1000, 3)));
    }, 60_000);

    test("a token for other packages and a revoked one do nothing", async () => {
      const content = someBytes(20_000, 4);
      const target = await pushed("hidden", content);
      const elsewhere = await toolOf("nina", await token("--scope", "publish", "--package", "hidden/other-*"));
      await expectRefused(elsewhere.pull(target));
      await expectRefused(elsewhere.push(reference("hidden"), content));
      const secret = await token("--scope", "publish", "--label", "to be revoked");
      const revoked = await toolOf("nina", secret);
      await expectPulled(revoked, target, content);
      const { tokens } = JSON.parse(await administer(["token", "list", "nina", "--json"]));
      const { id } = tokens.find(({ label }: { label: string }) => label === "to be revoked");
      await administer(["token", "revoke", id]);
      await expectRefused(revoked.pull(target));
      await expectRefused(revoked.push(reference("hidden"), content));
    }, 60_000);

    test("a wrong password is refused", async () => {
      const tool = await toolOf();
      const login = await tool.login(registry.host, "nina", "wrong");
      if (checksLogin) await expectRefused(Promise.resolve(login));
      await expectRefused(tool.push(reference("hidden"), someBytes(1000, 5)));
    }, 60_000);

    test("nobody and somebody else see nothing of what is private, and pull what is public", async () => {
      const content = someBytes(40_000, 6);
      const [hidden, shown] = [await pushed("hidden", content), await pushed("shown", content)];
      for (const tool of [await toolOf(), await toolOf("otto")]) {
        await expectRefused(tool.pull(hidden));
        await expectPulled(tool, shown, content);
        await expectRefused(tool.push(reference("shown"), content));
      }
    }, 60_000);
  });
}
