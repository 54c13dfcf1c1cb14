export { registryErrors } from "./errors.ts";
export { openRegistry } from "./registry.ts";
export type { Registry } from "./registry.ts";
export type { LogEntry, RegistryOptions } from "./registry-options.ts";
export { serveRegistry } from "./serve.ts";
export type { RunningRegistry, ServeOptions } from "./serve.ts";
