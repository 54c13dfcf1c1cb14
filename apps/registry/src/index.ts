export { registryErrors } from "./errors.ts";
export { openRegistry } from "./registry.ts";
export type { LogEntry, Registry, RegistryOptions } from "./registry.ts";
export { serveRegistry } from "./serve.ts";
export type { RunningRegistry, ServeOptions } from "./serve.ts";
