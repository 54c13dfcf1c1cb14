import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Metadata } from "../metadata.ts";

/** What the registry needs to serve, each "ok" or what is wrong with it. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, string>>;
}

/** Asks the database and writes a file where uploads go: a disk that is full or read-only is found out here. */
export async function checkReadiness(metadata: Metadata, dataDirectory: string, draining: boolean): Promise<Readiness> {
  const checks = {
    database: await attempt(() => metadata.allOpenUploads()),
    blobs: await attempt(() => {
      const probe = join(dataDirectory, "uploads", ".ready");
      writeFileSync(probe, "");
      rmSync(probe);
    }),
    server: draining ? "stopping" : "ok",
  };
  return { ready: Object.values(checks).every((check) => check === "ok"), checks };
}

async function attempt(check: () => unknown): Promise<string> {
  try {
    await check();
    return "ok";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
