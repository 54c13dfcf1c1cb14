export { realColonyErrors } from "./errors.ts";
export { findPostgres, preparePostgres } from "./postgres.ts";
export { defaultCacheDirectory, startRealColony, whyNoRealColony } from "./real-colony.ts";
export type { RealColony, RealColonyOptions } from "./real-colony.ts";
export { supervise } from "./supervisor.ts";
