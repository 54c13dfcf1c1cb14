export * from "./package-artifact.ts";
export * from "./registry-under-test.ts";
export * from "./registry-with-users.ts";
