import { spawn, spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { storeError, withFileErrors } from "./errors.ts";

/**
 * Removes a directory whatever lies in it, also what a program left that wanted it to stay: the runtime's own removal
 * does not come to an end where directories are nested beyond the length of a path. Throws `store/io`.
 */
export async function removeTree(path: string): Promise<void> {
  for (const command of commands(path)) {
    if (existsSync(path)) await run(command);
  }
  assertRemoved(path);
}

/** The same for who may wait. */
export function removeTreeSync(path: string): void {
  for (const [program, parameters] of commands(path)) {
    if (existsSync(path)) spawnSync(program, parameters, { stdio: "ignore" });
  }
  assertRemoved(path);
}

type Command = readonly [program: string, parameters: string[]];

/**
 * A directory without the right to write cannot be emptied by its owner. Files keep their modes, since other trees may
 * share them; what is left then lies deeper than a path can say, which no tree that shares does.
 */
function commands(path: string): Command[] {
  if (process.platform === "win32") return [];
  const remove: Command = ["rm", ["-rf", path]];
  return [
    ["find", [path, "-type", "d", "-exec", "chmod", "u+w", "{}", "+"]],
    remove,
    ["chmod", ["-R", "u+w", path]],
    remove,
  ];
}

function run([program, parameters]: Command): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(program, parameters, { stdio: "ignore" });
    // Whether it worked shows in the directory.
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
}

function assertRemoved(path: string): void {
  if (process.platform === "win32")
    withFileErrors("remove", path, () => rmSync(path, { recursive: true, force: true }));
  if (existsSync(path)) throw storeError("store/io", `${path} could not be removed`, { context: { path } });
}
