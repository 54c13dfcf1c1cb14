import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface RegistryProcess {
  /** `host:port`. */
  readonly host: string;
  stop(): Promise<void>;
}

const main = fileURLToPath(new URL("../../apps/registry/src/main.ts", import.meta.url));

/** Starts `cpm-registry` as a process of its own on a port that is free. */
export async function startRegistry(scratch: string): Promise<RegistryProcess> {
  const data = join(scratch, "registry");
  const child = Bun.spawn([process.execPath, main, "serve", "--open", "--data", data, "--listen", "127.0.0.1:0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const host = await listeningHost(child.stdout);
  return {
    host,
    async stop() {
      child.kill();
      await child.exited;
    },
  };
}

async function listeningHost(output: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  const reader = output.getReader();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    text += decoder.decode(chunk.value, { stream: true });
    const host = /^listening on http:\/\/(\S+)$/m.exec(text)?.[1];
    if (host !== undefined) {
      reader.releaseLock();
      return host;
    }
  }
  throw new Error(`the registry ended before it listened: ${text}`);
}
