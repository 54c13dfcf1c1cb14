/** What the settings of a program name, without the client that uses it: loaded by processes that may never ask a registry. */
export { credentialFile, userCredentials } from "./credential-files.ts";
export { anonymous } from "./credentials.ts";
export type { CredentialSource } from "./credentials.ts";
export { systemClock } from "./options.ts";
