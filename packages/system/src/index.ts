/** What the kernel offers and the runtime does not, by the C library. */
export { exchangePaths } from "./exchange-paths.ts";
export { canLockFiles, tryExclusiveLock, tryShareLock } from "./file-lock.ts";
export type { FileLock } from "./file-lock.ts";
export { openLibC } from "./libc.ts";
export type { LibC } from "./libc.ts";
export { notifyManager } from "./notify-socket.ts";
export { peerCredentialsOf } from "./peer-credentials.ts";
export type { PeerCredentials } from "./peer-credentials.ts";
export { systemSteadyClock } from "./steady-clock.ts";
export type { SteadyClock } from "./steady-clock.ts";
export { beginWriteback } from "./writeback.ts";
