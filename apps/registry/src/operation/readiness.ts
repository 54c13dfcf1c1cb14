import type { Metadata } from "../metadata.ts";
import type { ObjectStorage } from "../objects/object-storage.ts";

/** What the registry needs to serve, each "ok" or what is wrong with it. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, string>>;
}

/** Asks the database, and writes, reads and removes a probe in the storage: what is full or closed is found out here. */
export async function checkReadiness(
  metadata: Metadata,
  objects: ObjectStorage,
  draining: boolean,
): Promise<Readiness> {
  const [database, blobs] = await Promise.all([
    attempt(async () => metadata.allOpenUploads()),
    attempt(() => objects.check()),
  ]);
  const checks = { database, blobs, server: draining ? "stopping" : "ok" };
  return { ready: Object.values(checks).every((check) => check === "ok"), checks };
}

async function attempt(check: () => Promise<unknown>): Promise<string> {
  try {
    await check();
    return "ok";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
