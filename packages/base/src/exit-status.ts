import type { ErrorKind } from "./errors.ts";

/** What the shell sees of each kind of failure. 3 (differences found) is an answer, not a failure. */
const statusOfKind: Readonly<Record<ErrorKind, number>> = {
  unknown: 1,
  internal: 1,
  unavailable: 1,
  unimplemented: 1,
  resource_exhausted: 1,
  invalid_argument: 2,
  out_of_range: 2,
  unauthenticated: 4,
  not_found: 5,
  already_exists: 6,
  failed_precondition: 6,
  aborted: 6,
  permission_denied: 7,
  data_loss: 7,
  deadline_exceeded: 8,
  cancelled: 130,
};

/** Exit statuses with their meaning, for help and documentation. */
export const exitStatuses: readonly (readonly [status: number, meaning: string])[] = [
  [0, "done"],
  [1, "failure"],
  [2, "wrong usage or input"],
  [3, "differences found"],
  [4, "not authenticated"],
  [5, "not found"],
  [6, "conflict, or requirements that cannot be met"],
  [7, "refused: integrity, policy or permission"],
  [8, "timeout"],
  [130, "interrupted"],
];

/** What a program of ours ends with when it failed so. */
export function exitStatus(kind: ErrorKind): number {
  return statusOfKind[kind];
}
