import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/**
 * The first minutes with CPM, on a registry and a colony of its own: publishes the example packages, installs one with
 * inputs and shows what its workflow computed. `--colonyos` does so on the real ColonyOS server. Everything lies under
 * `.quickstart` and is gone at the end; only the user's cache keeps what was built or downloaded.
 */
const root = join(import.meta.dir, "../..");
const folder = join(root, ".quickstart");
const examples = ["hello", "wordcount", "nightly-report", "sensor-twin"] as const;

const environment: Record<string, string | undefined> = {
  ...process.env,
  XDG_CONFIG_HOME: join(folder, "config"),
  XDG_DATA_HOME: join(folder, "data"),
  XDG_STATE_HOME: join(folder, "state"),
};
// What is configured for real colonies and registries is not touched.
for (const name of Object.keys(environment)) {
  if (/^(COLONIES_|CPM_)/.test(name)) delete environment[name];
}

process.exitCode = await quickstart(process.argv.slice(2));

async function quickstart(flags: readonly string[]): Promise<number> {
  const unknown = flags.find((flag) => flag !== "--colonyos");
  if (unknown !== undefined) {
    process.stderr.write(`unknown option ${unknown}; there is --colonyos\n`);
    return 2;
  }
  removeFolder();
  mkdirSync(folder, { mode: 0o700 });
  let status = 0;
  try {
    status = await runAll([
      ["dev", "up", ...flags],
      ...examples.map((name) => ["publish", `./examples/${name}`, "--quiet"]),
      ["search"],
      ["install", "examples/wordcount", "--set", "shards=4", "--set", "minLength=4", "--wait", "--logs"],
      ["status", "wordcount"],
    ]);
  } finally {
    await cpm(["dev", "down", "--quiet"]);
    removeFolder();
  }
  process.stdout.write(
    status === 0
      ? "\nThat was a package: published, installed with inputs, run as a workflow. README.md says how to go on.\n"
      : "\nthe quickstart did not come to its end; see above\n",
  );
  return status;
}

/** Stops at the first command that fails. */
async function runAll(commands: readonly (readonly string[])[]): Promise<number> {
  for (const command of commands) {
    process.stdout.write(`\n$ cpm ${command.join(" ")}\n`);
    const status = await cpm(command);
    if (status !== 0) return status;
  }
  return 0;
}

async function cpm(args: readonly string[]): Promise<number> {
  const child = Bun.spawn([process.execPath, join(root, "apps/cli/src/main.ts"), ...args], {
    cwd: root,
    env: environment,
    stdio: ["ignore", "inherit", "inherit"],
  });
  return await child.exited;
}

/** Installed trees are read-only: they are made writable to be removed. */
function removeFolder(): void {
  Bun.spawnSync(["chmod", "-R", "u+w", folder], { stdio: ["ignore", "ignore", "ignore"] });
  rmSync(folder, { recursive: true, force: true });
}
