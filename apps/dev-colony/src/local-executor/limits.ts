/** What one job may use. Each has a default that suits a workstation. */
export interface LocalExecutorLimits {
  readonly maxArguments: number;
  /** Arguments and environment together, as UTF-8. */
  readonly maxCommandBytes: number;
  readonly maxStdinBytes: number;
  /** Of the file behind CPM_OUTPUT. */
  readonly maxOutputBytes: number;
  readonly maxOutputValues: number;
  /** Of standard output and standard error together; what follows is dropped, and the log says so. */
  readonly maxLogBytes: number;
  /** A longer line is cut into several. */
  readonly maxLineBytes: number;
  /** One `addlog` call carries at most this. */
  readonly maxBatchBytes: number;
  readonly maxBatchLines: number;
  /** Between SIGTERM and SIGKILL, and for what holds the program's pipes after its end. */
  readonly graceMs: number;
}

export const defaultLimits: LocalExecutorLimits = {
  maxArguments: 1024,
  maxCommandBytes: 1024 * 1024,
  maxStdinBytes: 8 * 1024 * 1024,
  maxOutputBytes: 8 * 1024 * 1024,
  maxOutputValues: 10_000,
  maxLogBytes: 10 * 1024 * 1024,
  maxLineBytes: 16 * 1024,
  maxBatchBytes: 64 * 1024,
  maxBatchLines: 200,
  graceMs: 2000,
};
