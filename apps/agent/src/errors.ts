import { createError } from "@cpm/base";
import type { CpmError, ErrorDetails } from "@cpm/base";

export const agentErrors = {
  "agent/isolation": {
    kind: "internal",
    title: "The worker could not be confined",
    hint: "The kernel refused what it said it can do. The message says which step failed.",
  },
  "agent/isolation-missing": {
    kind: "failed_precondition",
    title: "This machine cannot confine the worker as is required",
    hint: "Use a Linux kernel from 5.13 on with Landlock and seccomp, or start without --require-isolation.",
  },
  "agent/worker-memory": {
    kind: "resource_exhausted",
    title: "The worker needed more memory than it may have",
    hint: "No package that cpm packed needs so much. Raise the limit only for a package that you trust.",
  },
  "agent/worker-timeout": {
    kind: "deadline_exceeded",
    title: "The worker took too long",
    hint: "Look at the disk: it is slower than a megabyte a second, or stands still. What was fetched is kept.",
  },
  "agent/worker-killed": {
    kind: "unavailable",
    title: "The worker was killed",
    hint: "Ask again: what was fetched is kept. When it happens again, the log says how the worker ended.",
  },
  "agent/worker-output": {
    kind: "internal",
    title: "The worker answered something that it must not answer",
    hint: "The package may have been made to attack the worker. Nothing of it was kept but the blobs.",
  },
} as const;

export type AgentErrorCode = keyof typeof agentErrors;

export function agentError(code: AgentErrorCode, message: string, details: ErrorDetails = {}): CpmError {
  return createError(agentErrors, code, message, details);
}

export function isolationFailed(what: string): CpmError {
  return agentError("agent/isolation", what);
}
