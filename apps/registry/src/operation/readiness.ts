import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Metadata } from "../metadata.ts";

/** What the registry needs to serve, each "ok" or what is wrong with it. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, string>>;
}

/** Asks the database and writes a file where uploads go: a disk that is full or read-only is found out here. */
export function checkReadiness(metadata: Metadata, dataDirectory: string, draining: boolean): Readiness {
  const checks = {
    database: attempt(() => metadata.allOpenUploads()),
    blobs: attempt(() => {
      const probe = join(dataDirectory, "uploads", ".ready");
      writeFileSync(probe, "");
      rmSync(probe);
    }),
    server: draining ? "stopping" : "ok",
  };
  return { ready: Object.values(checks).every((check) => check === "ok"), checks };
}

function attempt(check: () => unknown): string {
  try {
    check();
    return "ok";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
