export { agentErrors } from "./errors.ts";
export { serveAgent } from "./serve.ts";
export type { RunningAgent, ServeOptions } from "./serve.ts";
export { WorkerUnpacker } from "./worker/worker-unpacker.ts";
export type { WorkerOptions } from "./worker/worker-unpacker.ts";
export { isolationOfThisMachine } from "./isolation/isolation.ts";
export type { Isolation } from "./isolation/isolation.ts";
