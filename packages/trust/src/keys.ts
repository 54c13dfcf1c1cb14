/** Keys and who signs with them, without policies: what reads those reads YAML too. */
export type * from "./crypto.ts";
export { trustError } from "./errors.ts";
export { createPublicKey } from "./public-key.ts";
