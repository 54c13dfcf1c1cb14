import { join } from "node:path";

const program = join(import.meta.dir, "../../../apps/registry/src/main.ts");

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The real program with these arguments, and `input` on its standard input. */
export async function cpmRegistry(
  args: readonly string[],
  input = "",
  env: Record<string, string> = {},
): Promise<CommandResult> {
  const child = Bun.spawn([process.execPath, program, ...args], {
    stdin: new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...env },
  });
  const [exitCode, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exitCode, stdout, stderr };
}
