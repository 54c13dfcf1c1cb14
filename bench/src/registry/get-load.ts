import { availableParallelism } from "node:os";
import { debianPrograms, installDebianProgram } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";

/** What one load came to. */
export interface Load {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
}

/** Without it docker-registry shows no manifest of the OCI's. */
const accept = "Accept: application/vnd.oci.image.manifest.v1+json, */*";

/**
 * Asks for one address again and again over so many connections, by wrk, a process of its own in C. Of a large body,
 * whose size is then given, requests are counted by the bytes that arrived: when the time is up one is under way on
 * every connection, and whoever serves all connections evenly has ended few of them. It then has as many threads as there
 * are cores, because to receive is more work than to send what the kernel has.
 */
export async function getLoad(url: string, clients: number, durationS: number, bodyBytes?: number): Promise<Load> {
  const { executable, env } = await installDebianProgram(debianPrograms.wrk, defaultCacheDirectory());
  const threadCount = bodyBytes === undefined ? 1 : Math.min(clients, availableParallelism());
  const threads = ["-t", String(threadCount), "-c", String(clients)];
  const length = ["-d", `${durationS}s`, "--timeout", "60s"];
  const child = Bun.spawn([executable, ...threads, ...length, "--latency", "-H", accept, url], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text, exitCode] = await Promise.all([new Response(child.stdout).text(), child.exited]);
  if (exitCode !== 0) throw new Error(`wrk ended with ${exitCode}: ${text}`);
  if (/Non-2xx|Socket errors: connect [1-9]/.test(text)) throw new Error(`${url} was not answered well: ${text}`);
  const [, p99 = "", unit = ""] = /^\s+99%\s+([\d.]+)(us|ms|s)\s*$/m.exec(text) ?? [];
  const scale = { us: 0.001, ms: 1, s: 1000 }[unit];
  const ended = Number(/^Requests\/sec:\s+([\d.]+)$/m.exec(text)?.[1]);
  const rate = bodyBytes === undefined ? ended : bytesPerSecond(text) / bodyBytes;
  if (Number.isNaN(rate) || scale === undefined) throw new Error(`wrk said: ${text}`);
  return { requests: rate * durationS, requestsPerSecond: rate, p99Ms: Number(p99) * scale };
}

/** wrk's units are powers of 1024, whatever it calls them. */
function bytesPerSecond(text: string): number {
  const [, count, unit = ""] = /^Transfer\/sec:\s+([\d.]+)([KMGT]?)B$/m.exec(text) ?? [];
  return Number(count) * 1024 ** " KMGT".indexOf(unit === "" ? " " : unit);
}
