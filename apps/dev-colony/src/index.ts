export { startDevColony } from "./dev-colony.ts";
export type { DevColony, DevColonyOptions } from "./dev-colony.ts";
