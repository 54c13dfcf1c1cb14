export * from "./property-runs.ts";
