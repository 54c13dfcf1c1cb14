export { installDebianProgram } from "./debian-program.ts";
export type { DebianProgram, InstalledProgram } from "./debian-program.ts";
export { installGoProgram, whyNoGo } from "./go-program.ts";
export type { GoProgram } from "./go-program.ts";
export { debianPrograms, goPrograms } from "./program-table.ts";
