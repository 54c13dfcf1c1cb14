import { createError } from "@cpm/base";
import type { CpmError } from "@cpm/base";

export const localExecutorErrors = {
  "executor/invalid-command": {
    kind: "invalid_argument",
    title: "A call that the local executor does not understand",
    hint: "Give kwargs {cmd, args?, stdin?}: an absolute path, a list of strings, a string.",
  },
  "executor/outside-packages": {
    kind: "permission_denied",
    title: "The program is not part of an installed package",
    hint: "Name it by the package's own path: ${package.path}/bin/….",
  },
  "executor/no-program": {
    kind: "not_found",
    title: "The package has no such program",
    hint: "Check the path, and that the file may be executed when it is packed.",
  },
  "executor/invalid-environment": { kind: "invalid_argument", title: "An environment that the program may not get" },
  "executor/limit": { kind: "resource_exhausted", title: "More than the local executor takes" },
  "executor/exit-status": { kind: "failed_precondition", title: "The program ended with a failure" },
  "executor/killed": { kind: "aborted", title: "The program was ended by a signal" },
  "executor/invalid-output": {
    kind: "data_loss",
    title: "The program's output is not one JSON value for each line",
    hint: "Write JSON without line breaks to the file that CPM_OUTPUT names, a value for each line.",
  },
  "executor/name-taken": {
    kind: "already_exists",
    title: "Every name for the executor is taken",
    hint: "Choose another name, or start the server with COLONIES_ALLOW_EXECUTOR_REREGISTER=true.",
  },
  "executor/foreign-key": {
    kind: "failed_precondition",
    title: "The key belongs to somebody else in this colony",
    hint: "Give the executor a key of its own.",
  },
} as const;

export function executorError(code: keyof typeof localExecutorErrors, message: string, cause?: unknown): CpmError {
  return createError(localExecutorErrors, code, message, { cause });
}
