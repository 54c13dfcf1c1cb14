import { join } from "node:path";

/** What buf says when it fails; empty when it succeeds. It needs no network. */
export function buf(root: string, ...args: readonly string[]): Promise<string> {
  return complaintsOf([join(root, "node_modules/.bin/buf"), ...args], root);
}

/** What a program prints when it fails; empty when it succeeds. */
export async function complaintsOf(
  command: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const child = Bun.spawn([...command], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  const [out, err, status] = await Promise.all([textOf(child.stdout), textOf(child.stderr), child.exited]);
  return status === 0 ? "" : `${out}${err}`;
}

function textOf(stream: ReadableStream): Promise<string> {
  return new Response(stream).text();
}
