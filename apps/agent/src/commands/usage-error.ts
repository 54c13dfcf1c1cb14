/** A wrong command line or setting; everything else that is thrown is a failure. */
export class UsageError extends Error {}
