export { installDebianProgram } from "./debian-program.ts";
export type { DebianProgram, InstalledProgram } from "./debian-program.ts";
export { installGoProgram, whyNoGo } from "./go-program.ts";
export type { GoProgram } from "./go-program.ts";
export { installPythonPackages, whyNoPython } from "./python-packages.ts";
export { debianPrograms, goPrograms, pythonPackages } from "./program-table.ts";
