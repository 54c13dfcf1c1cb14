import type { Load } from "./get-load.ts";

const program = `${import.meta.dir}/put-command.ts`;

/** Pushes so many blobs that were never pushed before, each as POST and PUT, from a process of its own. */
export async function putLoad(
  host: string,
  { clients, pushes, blobBytes, seed }: { clients: number; pushes: number; blobBytes: number; seed: number },
): Promise<Load> {
  const args = [host, clients, pushes, blobBytes, seed].map(String);
  const child = Bun.spawn([process.execPath, program, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const [text, exitCode] = await Promise.all([new Response(child.stdout).text(), child.exited]);
  if (exitCode !== 0) throw new Error(`pushing to ${host} ended with ${exitCode}`);
  return JSON.parse(text) as Load;
}
