import { createError } from "@cpm/base";
import type { CpmError, ErrorDetails } from "@cpm/base";

export const agentErrors = {
  "agent/api-level": {
    kind: "failed_precondition",
    title: "Client and agent share no API level",
    hint: "Update the older of the two; docs/agent.md says which versions work together.",
  },
  "agent/feature-missing": {
    kind: "failed_precondition",
    title: "The agent lacks a feature that the request depends on",
    hint: "Update cpm-agent on this node.",
  },
  "agent/invalid": { kind: "invalid_argument", title: "Not a request that the contract allows" },
  "agent/denied": {
    kind: "permission_denied",
    title: "The user of the calling process may not do this",
    hint: "Ask as the agent's own user or root, or add the user to the agent's `administrators`.",
  },
  "agent/cancelled": { kind: "cancelled", title: "The call was cancelled" },
  "agent/draining": {
    kind: "unavailable",
    title: "The agent is stopping",
    hint: "Try again: another one is usually about to start. What is installed can be used meanwhile.",
  },
  "agent/busy": { kind: "resource_exhausted", title: "Too much is waited for", hint: "Try again later." },
  "agent/quota": {
    kind: "resource_exhausted",
    title: "The namespace has as much on this node as it may have",
    hint: "Remove versions that are not needed, or start the agent with a larger --namespace-quota.",
  },
  "agent/not-installed": {
    kind: "not_found",
    title: "Not on this node",
    hint: "Ensure the package first.",
  },
  "agent/no-version": {
    kind: "not_found",
    title: "The registry has no such version",
    hint: "`cpm info NAME` lists the versions.",
  },
  "agent/other-manifest": {
    kind: "failed_precondition",
    title: "The package is not the one that was expected",
    hint: "Compare the digest with the lockfile. A version never changes in a registry that keeps the rules.",
  },
  "agent/other-registry": {
    kind: "failed_precondition",
    title: "A package is of another registry than the agent's",
    hint: "Publish it in the agent's registry, or let that mirror the other one.",
  },
  "agent/unverifiable": {
    kind: "failed_precondition",
    title: "A signature was asked for, and this agent has no policy to check one by",
  },
  "agent/no-lease": {
    kind: "not_found",
    title: "There is no such lease",
    hint: "It has expired or was released. Acquire a new one; the package may have to be ensured again.",
  },
  "agent/lease-owner": { kind: "permission_denied", title: "The lease is another user's" },
  "agent/lease-limit": { kind: "resource_exhausted", title: "More leases, or packages of one, than the agent keeps" },
  "agent/held": { kind: "failed_precondition", title: "The package is held by somebody", hint: "Try again later." },
  "agent/missed-events": {
    kind: "out_of_range",
    title: "The events after that one are not kept any more",
    hint: "Watch again with a snapshot.",
  },
  "agent/slow-watcher": {
    kind: "resource_exhausted",
    title: "The events are read more slowly than they come",
    hint: "Watch again with a snapshot.",
  },
  "agent/root-in-use": {
    kind: "already_exists",
    title: "Another agent has this packages directory",
    hint: "One agent serves a directory. Stop the other one, or choose another directory.",
  },
  "agent/address": { kind: "unavailable", title: "The agent cannot listen there" },
  "agent/key-exposed": {
    kind: "failed_precondition",
    title: "The agent's key is not for its user alone",
    hint: "Somebody may have read it: move the file away, let a new one be made, and enroll that.",
  },
  "agent/not-serving": { kind: "unavailable", title: "The agent is not ready" },
  "agent/isolation": {
    kind: "internal",
    title: "The worker could not be confined",
    hint: "The kernel refused what it said it can do. The message says which step failed.",
  },
  "agent/isolation-missing": {
    kind: "failed_precondition",
    title: "This machine cannot confine the worker as is required",
    hint: "Use a Linux kernel from 5.13 on with Landlock and seccomp, or start with `--require-isolation no`.",
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
  "agent/failure": {
    kind: "internal",
    title: "The agent failed",
    hint: "Its log says more under the id of the call.",
  },
} as const;

export type AgentErrorCode = keyof typeof agentErrors;

export function agentError(code: AgentErrorCode, message: string, details: ErrorDetails = {}): CpmError {
  return createError(agentErrors, code, message, details);
}

export function isolationFailed(what: string): CpmError {
  return agentError("agent/isolation", what);
}
