export { agentErrors } from "./errors.ts";
export { isolationOfThisMachine, requireIsolation } from "./isolation/isolation.ts";
export type { Isolation } from "./isolation/isolation.ts";
export { WorkerUnpacker } from "./worker/worker-unpacker.ts";
export type { WorkerOptions } from "./worker/worker-unpacker.ts";
