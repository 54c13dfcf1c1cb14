export { enrollLocalExecutor } from "./enroll.ts";
export type { EnrolledExecutor, EnrollOptions } from "./enroll.ts";
export { localExecutorErrors } from "./errors.ts";
export { defaultLimits } from "./limits.ts";
export type { LocalExecutorLimits } from "./limits.ts";
export { localExecutorType, startLocalExecutor } from "./local-executor.ts";
export type { LocalExecutorOptions } from "./local-executor.ts";
