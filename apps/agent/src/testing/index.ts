export { confinedProcesses } from "./confined-processes.ts";
