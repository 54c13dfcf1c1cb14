export { agentClientErrors } from "./errors.ts";
