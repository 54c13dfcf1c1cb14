import { createError } from "@cpm/base";
import type { CpmError } from "@cpm/base";

export const realColonyErrors = {
  "dev/no-go": {
    kind: "failed_precondition",
    title: "Go is needed to build a server",
    hint: "Install Go 1.24 or later, or leave out --colonyos to use the embedded colony.",
  },
  "dev/build-failed": { kind: "unavailable", title: "A program could not be built or fetched" },
  "dev/no-debian": {
    kind: "failed_precondition",
    title: "A program is neither here nor to be had from Debian",
    hint: "Install it with the package manager of this system; it is then found on the path.",
  },
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
