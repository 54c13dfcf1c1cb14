/** For other strict files that people write: one definition is their parser, and says where each fault stands. */
export { Faults } from "../faults.ts";
export { listOf, objectOf, recordOf } from "./collections.ts";
export { flag, oneOf, text } from "./scalars.ts";
export { converted } from "./schema.ts";
export type { Schema } from "./schema.ts";
