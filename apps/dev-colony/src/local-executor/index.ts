export { localExecutorErrors } from "./errors.ts";
export { defaultLimits } from "./limits.ts";
export type { LocalExecutorLimits } from "./limits.ts";
export { localExecutorType, startLocalExecutor } from "./local-executor.ts";
export type { LocalExecutorOptions } from "./local-executor.ts";
export { registerLocalExecutor } from "./register-executor.ts";
export type { RegisteredExecutor } from "./register-executor.ts";
