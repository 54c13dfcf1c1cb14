import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AgentSite } from "../agent/agent-site.ts";
import { runAgentCommand } from "../agent/agent-process.ts";
import { cliPath } from "../cli/workplace.ts";

const units = join(import.meta.dir, "../../../deploy/systemd");
const home = mkdtempSync(join(tmpdir(), "cpm-install-"));
const program = join(home, "cpm-agent");
let root: string;
let count = 0;

/** What `cpm agent` writes, by path below the root. */
const written: Readonly<Record<string, string>> = {
  "etc/systemd/system/cpm-agent.service": "cpm-agent.service",
  "etc/systemd/system/cpm-agent.socket": "cpm-agent.socket",
  "etc/sysusers.d/cpm-agent.conf": "sysusers.conf",
  "etc/tmpfiles.d/cpm-agent.conf": "tmpfiles.conf",
};
const settings = "etc/cpm/agent.yaml";
const install = ["install", "--program", program, "--registry", "https://registry.example.org"];

beforeAll(() => writeFileSync(program, "first"));
beforeEach(() => {
  root = join(home, `root-${count++}`);
  mkdirSync(root);
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** The command with the umask of a careful administrator. */
function agent(args: readonly string[], command: readonly string[] = [process.execPath, cliPath]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    ["sh", "-c", 'umask 077; exec "$@"', "sh", ...command, "agent", ...args],
    {
      cwd: home,
      env: { PATH: process.env["PATH"], HOME: home },
    },
  );
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

function outcomes(args: readonly string[]): readonly string[] {
  const { steps } = JSON.parse(agent([...args, "--root", root, "--json"]).stdout) as {
    readonly steps: readonly { readonly outcome: string }[];
  };
  return steps.map(({ outcome }) => outcome);
}

describe("cpm agent install below a root", () => {
  test("writes the files of deploy, for everybody to read, and runs nothing", () => {
    expect(new Set(outcomes(install))).toEqual(new Set(["changed", "skipped"]));
    for (const [path, source] of Object.entries(written)) {
      expect(readFileSync(join(root, path), "utf8")).toBe(readFileSync(join(units, source), "utf8"));
      expect(statSync(join(root, path)).mode & 0o777).toBe(0o644);
      expect(statSync(dirname(join(root, path))).mode & 0o777).toBe(0o755);
    }
    expect(readFileSync(join(root, "usr/local/bin/cpm-agent"), "utf8")).toBe("first");
    expect(statSync(join(root, "usr/local/bin/cpm-agent")).mode & 0o777).toBe(0o755);
    expect(readdirSync(join(root, "usr/local/bin"))).toEqual(["cpm-agent"]);
  });

  test("writes settings that the agent takes, with the paths that the service names", async () => {
    agent([...install, "--root", root]);
    const service = readFileSync(join(root, "etc/systemd/system/cpm-agent.service"), "utf8");
    const [, flags = ""] = /^ExecStart=\/usr\/local\/bin\/cpm-agent serve (.*)$/m.exec(service) ?? [];
    const args = flags.replace("/etc/", `${root}/etc/`).split(" ");
    const { exitCode, stdout } = await runAgentCommand(["config", "check", ...args, "--socket", "/run/x.sock"]);
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("registry: https://registry.example.org")]);
    expect(stdout).toContain("root: /var/lib/colony/packages");
  });

  test("changes nothing when it is repeated, keeps the operator's settings, and upgrades the program alone", () => {
    outcomes(install);
    writeFileSync(join(root, settings), "registry: mine.example\n");
    const again = ["install", "--program", program];
    expect(new Set(outcomes(again))).toEqual(new Set(["same", "skipped"]));
    writeFileSync(program, "second");
    expect(outcomes(again).filter((outcome) => outcome === "changed")).toEqual(["changed"]);
    expect(readFileSync(join(root, "usr/local/bin/cpm-agent"), "utf8")).toBe("second");
    expect(readFileSync(join(root, settings), "utf8")).toBe("registry: mine.example\n");
  });

  test("only says what it would do in a dry run", () => {
    const { exitCode, stdout } = agent([...install, "--root", root, "--dry-run"]);
    expect(exitCode).toBe(0);
    for (const part of [
      "write /etc/systemd/system/cpm-agent.service",
      "run systemctl enable cpm-agent.socket",
      program,
    ])
      expect(stdout).toContain(part);
    expect(readdirSync(root)).toEqual([]);
  });

  test("is the same from an executable, which has the files in itself", () => {
    const executable = join(home, "cpm");
    const build = ["build", "--compile", "--splitting", "--bytecode", "--format=esm", "--minify"];
    const built = Bun.spawnSync([process.execPath, ...build, `--outfile=${executable}`, cliPath]);
    expect([built.exitCode, built.stderr.toString().includes("error")]).toEqual([0, false]);
    // Beside it is the agent.
    const { exitCode } = agent(["install", "--registry", "registry.example", "--root", root], [executable]);
    expect(exitCode).toBe(0);
    for (const [path, source] of Object.entries(written))
      expect(readFileSync(join(root, path), "utf8")).toBe(readFileSync(join(units, source), "utf8"));
    expect(readFileSync(join(root, "usr/local/bin/cpm-agent"), "utf8")).toBe(readFileSync(program, "utf8"));
  });
});

describe("cpm agent uninstall below a root", () => {
  const packages = "var/lib/colony/packages/refs";

  test("removes what was installed, and keeps packages and settings; twice is no failure", () => {
    agent([...install, "--root", root]);
    mkdirSync(join(root, packages), { recursive: true });
    for (const _ of [1, 2]) {
      expect(agent(["uninstall", "--root", root]).exitCode).toBe(0);
      for (const path of [...Object.keys(written), "usr/local/bin/cpm-agent"])
        expect(existsSync(join(root, path))).toBe(false);
      for (const path of [packages, settings]) expect(existsSync(join(root, path))).toBe(true);
    }
  });

  test("removes them too when it is to purge, and nothing beside them", () => {
    agent([...install, "--root", root]);
    for (const path of [packages, "var/lib/colony/other"]) mkdirSync(join(root, path), { recursive: true });
    writeFileSync(join(root, "etc/cpm/config.yaml"), "");
    expect(agent(["uninstall", "--root", root, "--purge"]).exitCode).toBe(0);
    expect(readdirSync(join(root, "var/lib/colony"))).toEqual(["other"]);
    expect(readdirSync(join(root, "etc/cpm"))).toEqual(["config.yaml"]);
  });
});

describe("cpm agent teaches", () => {
  const here = existsSync("/run/systemd/system");

  test.skipIf(here)("on a machine that systemd does not run, and touches nothing there", () => {
    for (const args of [install, ["uninstall", "--purge"]]) {
      const { exitCode, stderr } = agent(args);
      expect([exitCode, stderr]).toEqual([6, expect.stringContaining("[cli/no-systemd]")]);
      expect(stderr).toContain("--root DIR only writes the files");
    }
  });

  test.each([
    [["install", "--program", "none", "--registry", "x.example"], 5, "[cli/no-file]"],
    [["install", "--program", program], 2, "Set CPM_REGISTRY or --registry"],
    [["install", "--purge"], 2, "`cpm agent install` takes no --purge"],
    [["uninstall", "--registry", "x"], 2, "`cpm agent uninstall` takes no --registry"],
    [["restart"], 2, "There is install, status, uninstall, enroll, list."],
  ])("that %j is wrong", (args, status, said) => {
    const { exitCode, stderr } = agent(args.includes("restart") ? args : [...args, "--root", root]);
    expect([exitCode, stderr]).toEqual([status, expect.stringContaining(said)]);
  });

  test("that cpm-agent is not here", () => {
    const { exitCode, stderr } = agent(["install", "--registry", "x.example", "--root", root]);
    // The runtime that runs the tests is not beside an agent.
    expect([exitCode, stderr]).toEqual([5, expect.stringContaining("--program FILE")]);
  });
});

describe("cpm agent status", () => {
  let site: AgentSite;
  beforeAll(async () => {
    site = await AgentSite.open();
  });
  afterAll(() => site.close());

  test("says by its exit status too whether the agent serves", async () => {
    const status = () => agent(["status", "--socket", site.socket, "--json"]);
    const up = status();
    expect(up.exitCode).toBe(0);
    expect(JSON.parse(up.stdout)).toEqual({
      units: [
        { unit: "cpm-agent.socket", state: expect.any(String) },
        { unit: "cpm-agent.service", state: expect.any(String) },
      ],
      agent: { health: "serving", version: expect.stringMatching(/^\d+\./), apiLevel: 1, root: site.root },
    });
    await site.agent.end("SIGTERM");
    const down = status();
    expect([down.exitCode, JSON.parse(down.stdout).agent]).toEqual([
      1,
      { health: "unreachable", code: "agent-client/unreachable", reason: expect.any(String) },
    ]);
  });
});
