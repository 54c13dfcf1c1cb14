/** What nodes have and whether it is intact, without what installs into a colony. */
export { agentExecutorType, agentNodes, describeSilence } from "./agent-nodes.ts";
export type { AgentNode } from "./agent-nodes.ts";
export { assertFleetIntact, verifyFleet } from "./verify-fleet.ts";
export type { FleetRow, VerifyFleetRequest } from "./verify-fleet.ts";
