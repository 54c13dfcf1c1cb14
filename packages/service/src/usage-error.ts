/** A wrong command line or setting; everything else that is thrown is a failure. */
export class UsageError extends Error {}

/** Our own, and what `parseArgs` says of flags. */
export function isUsageError(error: unknown): error is Error {
  if (error instanceof UsageError) return true;
  return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
}
