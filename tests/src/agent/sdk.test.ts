import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { installPythonPackages, pythonPackages, whyNoGo, whyNoPython } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";
import { AgentSite } from "./agent-site.ts";

const sdk = join(import.meta.dir, "../../../sdk");
const slow = 15 * 60_000;
const [noGo, noPython] = [whyNoGo(), whyNoPython()];

let site: AgentSite;
beforeAll(async () => {
  site = await AgentSite.open();
  for (const version of ["1.0.0", "1.1.0"])
    await site.universe.publish("rise/greeting", version, { files: { "payload/greeting": `hello ${version}` } });
});
afterAll(() => site.close());

/** Runs the tests of a client in its own language against the agent, and answers what they print. */
async function run(command: readonly string[], cwd: string, environment: Readonly<Record<string, string>>) {
  const places = { CPM_TEST_AGENT_SOCKET: site.socket, CPM_TEST_AGENT_ROOT: site.root };
  const child = Bun.spawn([...command], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...places, ...environment },
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { exitCode: await child.exited, output: `${out}${err}` };
}

describe.skipIf(noGo !== undefined)("the client in Go", () => {
  test(
    "holds packages of the real agent",
    async () => {
      const folder = join(sdk, "go");
      const { exitCode, output } = await run(["go", "test", "-count=1", "-v", "./..."], folder, { CGO_ENABLED: "0" });
      expect([exitCode, exitCode === 0 ? "" : output]).toEqual([0, ""]);
      expect(output.match(/^--- PASS/gm)?.length).toBe(6);
      expect(output).not.toContain("--- SKIP");
    },
    slow,
  );
});

describe.skipIf(noPython !== undefined)("the client in Python", () => {
  test(
    "holds packages of the real agent",
    async () => {
      const packages = await installPythonPackages(pythonPackages.grpc, defaultCacheDirectory());
      const folder = join(sdk, "python");
      const path = { PYTHONPATH: [folder, packages].join(":"), PYTHONDONTWRITEBYTECODE: "1" };
      const { exitCode, output } = await run(
        ["python3", "-m", "unittest", "discover", "-s", "tests", "-v"],
        folder,
        path,
      );
      expect([exitCode, exitCode === 0 ? "" : output]).toEqual([0, ""]);
      expect(output).toContain("Ran 6 tests");
      expect(output).not.toContain("skipped");
    },
    slow,
  );
});

test.skipIf(Bun.which("flock") === null)("the shell script of docs/agent.md holds what it runs", async () => {
  const script = "echo started; read -r line; echo $line";
  await site.universe.publish("rise/tools", "1.2.0", { files: { "payload/run.sh": script } });
  const agent = site.client();
  await agent.ensure({ package: { name: "rise/tools" } });
  const page = readFileSync(join(import.meta.dir, "../../../docs/agent.md"), "utf8");
  const shown = /```sh\n(root=\S+)\n([\s\S]*?)```/.exec(page)?.[2] ?? "exit 9";
  const child = Bun.spawn(["sh", "-c", `root=${site.root}\n${shown}`], { stdio: ["pipe", "pipe", "inherit"] });
  const output = child.stdout.getReader();
  expect(Buffer.from((await output.read()).value ?? []).toString()).toBe("started\n");
  expect(await agent.remove("rise/tools", "1.2.0")).toMatchObject({ removed: true, treeRemoved: false });
  await child.stdin.write("still here\n");
  await child.stdin.end();
  expect(Buffer.from((await output.read()).value ?? []).toString()).toBe("still here\n");
  expect(await child.exited).toBe(0);
});

test("why a test was skipped is said, and with CI set it fails", () => {
  const reasons = [noGo, noPython].filter((reason) => reason !== undefined);
  for (const reason of reasons) process.stderr.write(`skipped: ${reason}\n`);
  if (process.env["CI"] !== undefined) expect(reasons).toEqual([]);
});
