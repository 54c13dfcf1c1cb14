import type { LockRequest } from "@cpm/operations";
import type { Output } from "./output/output.ts";
import { currentPlatform } from "./platform.ts";
import { formatLockChanges } from "./render-lock.ts";
import type { Session } from "./session.ts";
import { version } from "./version.ts";

/** Chooses the versions of a project, writes cpm.lock where that is wanted, and shows what moved. */
export async function relock(request: LockRequest, write: boolean, session: Session, output: Output): Promise<void> {
  const operations = await import("@cpm/operations");
  const { project } = request;
  const world = { cpmVersion: version, platform: currentPlatform() };
  const { lock } = await operations.lockProject(request, session.access(), world);
  if (write) operations.writeProjectLock(project.root, lock);
  const changes = operations.compareLocks(project.lock, lock);
  output.data({ packages: lock.packages.length, changes: changes.map((change) => ({ ...change })) }, () =>
    formatLockChanges(changes, lock.packages.length),
  );
}
