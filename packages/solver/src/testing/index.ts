export * from "./universe.ts";
