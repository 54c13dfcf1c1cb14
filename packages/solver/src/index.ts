export { solverErrors } from "./errors.ts";
export type { MinimumAge } from "./listing.ts";
export type { Limits, Requirement, SolveOptions } from "./options.ts";
export { isPending } from "./provider.ts";
export type { Answer, Candidate, Dependency, Provider, Unusable } from "./provider.ts";
export type { Solution, Work } from "./solution.ts";
export { solve } from "./solve.ts";
