import { createError } from "@cpm/base";
import type { CpmError } from "@cpm/base";

export const realColonyErrors = {
  "dev/no-go": {
    kind: "failed_precondition",
    title: "Go is needed to build the ColonyOS server",
    hint: "Install Go 1.24 or later, or leave out --colonyos to use the embedded colony.",
  },
  "dev/build-failed": { kind: "unavailable", title: "The ColonyOS server could not be built" },
  "dev/no-postgres": {
    kind: "failed_precondition",
    title: "PostgreSQL is needed by the ColonyOS server",
    hint: "Install your system's PostgreSQL package, or leave out --colonyos to use the embedded colony.",
  },
  "dev/start-failed": { kind: "unavailable", title: "The ColonyOS server did not start" },
} as const;

export function realColonyError(code: keyof typeof realColonyErrors, message: string, cause?: unknown): CpmError {
  return createError(realColonyErrors, code, message, { cause });
}
