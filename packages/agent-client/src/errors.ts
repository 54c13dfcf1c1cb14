import { createError } from "@cpm/base";
import type { CpmError, ErrorDetails } from "@cpm/base";

export const agentClientErrors = {
  "agent-client/unreachable": {
    kind: "unavailable",
    title: "No agent answers",
    hint: "Is cpm-agent running, and is this its socket? What is installed can be used without it.",
  },
  "agent-client/timeout": { kind: "deadline_exceeded", title: "The agent did not answer in time" },
  "agent-client/protocol": {
    kind: "internal",
    title: "The agent broke the contract",
    hint: "Compare the versions of both sides with `cpm-agent health`.",
  },
  "agent-client/invalid": { kind: "invalid_argument", title: "Not something to ask an agent for" },
} as const;

export type AgentClientErrorCode = keyof typeof agentClientErrors;

export function agentClientError(code: AgentClientErrorCode, message: string, details: ErrorDetails = {}): CpmError {
  return createError(agentClientErrors, code, message, details);
}
