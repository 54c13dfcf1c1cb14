export * from "./hostile-archives.ts";
export * from "./tree-arbitrary.ts";
