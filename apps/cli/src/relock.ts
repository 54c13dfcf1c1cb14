import type { Lockfile } from "@cpm/model";
import type { LockRequest } from "@cpm/operations/resolution";
import type { Output } from "./output/output.ts";
import { currentPlatform } from "./platform.ts";
import { formatLockChanges } from "./render-lock.ts";
import type { Session } from "./session.ts";
import { version } from "./version.ts";

/** Chooses the versions of a project, writes cpm.lock where that is wanted, and shows what moved. */
export async function relock(request: LockRequest, write: boolean, session: Session, output: Output): Promise<void> {
  const operations = await import("@cpm/operations/resolution");
  const { project } = request;
  const world = { cpmVersion: version, platform: currentPlatform() };
  const { lock, resolution } = await operations.lockProject(request, session.access(), world);
  output.diagnostics(operations.withdrawalWarnings(resolution.packages));
  if (write) operations.writeProjectLock(project.root, lock);
  await showLock(project.lock, lock, output);
}

/** Shows a lockfile by what it changes. */
export async function showLock(before: Lockfile | undefined, lock: Lockfile, output: Output): Promise<void> {
  const { compareLocks } = await import("@cpm/operations/resolution");
  const changes = compareLocks(before, lock);
  output.data({ packages: lock.packages.length, changes: changes.map((change) => ({ ...change })) }, () =>
    formatLockChanges(changes, lock.packages.length),
  );
}
