export { openAgent } from "./agent.ts";
export type { Agent, AgentOptions, EnsureOptions } from "./agent.ts";
export type { CallOptions } from "./channel.ts";
export { agentClientErrors } from "./errors.ts";
export type { HeldPackage } from "./hold-package.ts";
