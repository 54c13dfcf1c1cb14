export * from "./property-runs.ts";
export * from "./random.ts";
