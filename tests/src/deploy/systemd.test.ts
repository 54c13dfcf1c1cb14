import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isolationOfThisMachine } from "@cpm/agent";
import { Universe } from "../resolution/universe.ts";
import { allowedSystemCalls, openSystemdTools, whyNoSystemd } from "./systemd-tools.ts";
import type { SystemdTools } from "./systemd-tools.ts";
import { traceAgent, whyNoOtherUser } from "./traced-agent.ts";
import type { AgentTrace } from "./traced-agent.ts";

const units = join(import.meta.dir, "../../../deploy/systemd");
const unit = readFileSync(join(units, "cpm-agent.service"), "utf8");
/** Of `systemd-analyze security`, from 0 to 100. */
const mostExposure = "--threshold=20";

const missing = whyNoSystemd();
if (missing !== undefined) process.stderr.write(`the units are not tried: ${missing}\n`);

describe.skipIf(missing !== undefined)("the units", () => {
  let tools: SystemdTools;
  let folder: string;
  beforeAll(async () => {
    tools = await openSystemdTools();
    folder = mkdtempSync(join(tmpdir(), "cpm-units-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Puts a file below the folder, as below a root of its own. */
  const place = (from: string, to: string): void => {
    mkdirSync(join(folder, dirname(to)), { recursive: true });
    cpSync(join(units, from), join(folder, to));
  };

  test("expose no more than 2.0, and would without the lines that protect", () => {
    const rate = (text: string) => {
      const path = join(folder, "cpm-agent.service");
      writeFileSync(path, text);
      return tools.run("systemd-analyze", "security", "--offline=true", "--no-pager", mostExposure, path);
    };
    expect(rate(unit)).toMatchObject({ exitCode: 0, output: expect.stringContaining("Overall exposure level") });
    expect(rate(unit.replace(/^(Protect|Restrict|SystemCall|CapabilityB).*$/gm, "")).exitCode).not.toBe(0);
  });

  test("are what systemd understands, and name a program and a user that are there", () => {
    place("cpm-agent.service", "etc/systemd/system/cpm-agent.service");
    place("cpm-agent.socket", "etc/systemd/system/cpm-agent.socket");
    for (const target of ["basic", "sysinit", "shutdown", "sockets", "multi-user", "network"]) {
      const path = join(folder, `etc/systemd/system/${target}.target`);
      writeFileSync(path, "[Unit]\nDefaultDependencies=no\n");
    }
    mkdirSync(join(folder, "usr/local/bin"), { recursive: true });
    writeFileSync(join(folder, "usr/local/bin/cpm-agent"), "");
    chmodSync(join(folder, "usr/local/bin/cpm-agent"), 0o755);
    const verify = () =>
      tools.run("systemd-analyze", "verify", `--root=${folder}`, "--man=no", "cpm-agent.service", "cpm-agent.socket");
    expect(verify()).toEqual({ exitCode: 0, output: "" });
    writeFileSync(
      join(folder, "etc/systemd/system/cpm-agent.service"),
      unit.replace("KillMode=mixed", "KillMood=mixed"),
    );
    expect(verify().output).toContain("KillMood");
  });

  test.skipIf(process.getuid?.() !== 0)(
    "make a user of its own, which owns the directory, and a group that may call",
    () => {
      place("sysusers.conf", "etc/sysusers.d/cpm-agent.conf");
      place("tmpfiles.conf", "etc/tmpfiles.d/cpm-agent.conf");
      const users = tools.run("systemd-sysusers", `--root=${folder}`, join(folder, "etc/sysusers.d/cpm-agent.conf"));
      expect(users.exitCode).toBe(0);
      const [passwd, group] = ["passwd", "group"].map((name) => readFileSync(join(folder, "etc", name), "utf8"));
      const [, uid = ""] = /^cpm-agent:x:(\d+):\d+:CPM agent:.*nologin$/m.exec(passwd ?? "") ?? [];
      expect([Number(uid) > 0, Number(uid) < 65534]).toEqual([true, true]);
      expect(group).toMatch(/^cpm-clients:x:\d+:$/m);
      const config = join(folder, "etc/tmpfiles.d/cpm-agent.conf");
      expect(tools.run("systemd-tmpfiles", `--root=${folder}`, "--create", config).exitCode).toBe(0);
      const { mode, uid: owner } = statSync(join(folder, "var/lib/colony/packages"));
      expect([mode & 0o777, owner]).toEqual([0o755, Number(uid)]);
      expect(statSync(join(folder, "var/lib/colony")).uid).toBe(0);
    },
  );

  test("leave the socket to systemd, and let members of one group call", () => {
    const socket = readFileSync(join(units, "cpm-agent.socket"), "utf8");
    expect(socket).toMatch(/^SocketGroup=cpm-clients$/m);
    expect(socket).toMatch(/^SocketMode=0660$/m);
    expect(unit).toMatch(/^Requires=cpm-agent\.socket$/m);
    // With a path of its own it would listen beside the socket that it is given.
    expect(unit).not.toContain("--socket");
  });
});

const alone = missing ?? whyNoOtherUser() ?? isolationOfThisMachine().missing.at(0);
if (alone !== undefined) process.stderr.write(`what the agent asks of the kernel is not traced: ${alone}\n`);

describe.skipIf(alone !== undefined)("what the agent and its worker ask of the kernel", () => {
  const folder = mkdtempSync(join(tmpdir(), "cpm-traced-"));
  let trace: AgentTrace;
  let allowed: ReadonlySet<string>;
  beforeAll(async () => {
    const tools = await openSystemdTools();
    allowed = allowedSystemCalls(tools, unit);
    const universe = await Universe.open();
    try {
      await universe.publish("rise/small", "1.0.0", { files: { "payload/small": "small" } });
      const registry = universe.registry.host.replace("127.0.0.1", "localhost");
      trace = await traceAgent(folder, tools, registry, "rise/small");
    } finally {
      await universe.close();
    }
  });
  afterAll(() => {
    Bun.spawnSync(["chmod", "-R", "u+w", folder]);
    rmSync(folder, { recursive: true, force: true });
  });

  test("is a package, installed by a user without any privilege that was started by its socket", () => {
    expect(existsSync(join(trace.root, "refs/rise/small/1.0.0"))).toBe(true);
    expect([...trace.calls]).toContain("landlock_restrict_self");
  });

  test("is among the system calls that the unit allows", () => {
    expect([...trace.calls].filter((call) => !allowed.has(call))).toEqual([]);
    expect(["mount", "ptrace", "bpf", "chown", "setuid", "reboot"].filter((call) => allowed.has(call))).toEqual([]);
  });

  test("is to write nothing but the packages directory", () => {
    const outside = trace.written.filter((path) => path.startsWith("/") && !path.startsWith(`${trace.root}/`));
    expect(new Set(outside)).toEqual(new Set(["/proc/self/oom_score_adj", "/dev/null"]));
  });

  test("is no kind of socket but those that the unit allows", () => {
    const families = /^RestrictAddressFamilies=(.*)$/m.exec(unit)?.[1]?.split(" ") ?? [];
    expect([...trace.families].filter((family) => !families.includes(family))).toEqual([]);
  });
});
