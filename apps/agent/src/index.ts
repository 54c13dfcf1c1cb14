export { agentErrors } from "./errors.ts";
export { serveAgent } from "./serve.ts";
export type { RunningAgent, ServeOptions } from "./serve.ts";
