import { createError } from "@cpm/base";
import type { CpmError } from "@cpm/base";
import type { Failure } from "./failure.ts";
import type { Work } from "./solution.ts";

export const solverErrors = {
  "solver/no-solution": { kind: "failed_precondition", title: "Requirements that no set of versions can meet" },
  "solver/unknown-package": { kind: "not_found", title: "A requirement names a package that does not exist" },
  "solver/limit": {
    kind: "resource_exhausted",
    title: "A resolution that takes more steps than allowed",
    hint: "Narrow the requirements: exact versions of the packages that matter most leave less to try.",
  },
  "solver/cancelled": { kind: "cancelled", title: "A resolution that was cancelled" },
} as const;

/** The sentences are the message; a program finds them, the hints and the packages concerned in the context. */
export function noSolution({ sentences, hints, packages, onlyUnknown }: Failure, work: Work): CpmError {
  const code = onlyUnknown ? "solver/unknown-package" : "solver/no-solution";
  return createError(solverErrors, code, sentences.join("\n"), {
    hint: hints.length === 0 ? undefined : hints.join("\n"),
    context: { sentences, hints, packages, work },
  });
}

export function limitReached(what: keyof Work, limit: number, work: Work): CpmError {
  return createError(solverErrors, "solver/limit", `no answer within ${limit} ${what}`, { context: { work } });
}

export function cancelled(work: Work): CpmError {
  return createError(solverErrors, "solver/cancelled", "the resolution was cancelled", { context: { work } });
}
