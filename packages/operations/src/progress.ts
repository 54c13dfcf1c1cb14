/** One thing under way, as it stands now; told again whenever it changes. */
export interface OperationProgress {
  readonly id: string;
  readonly label: string;
  /** A word for what is happening: packing, fetching, running. */
  readonly state: string;
  readonly doneBytes?: number;
  readonly totalBytes?: number;
  readonly finished?: boolean;
  readonly failed?: boolean;
}

export type ReportProgress = (progress: OperationProgress) => void;

/** Adds up bytes of one thing and reports them. */
export function createByteCounter(
  report: ReportProgress,
  item: { readonly id: string; readonly label: string; readonly state: string; readonly totalBytes?: number },
): (addedBytes: number) => void {
  let doneBytes = 0;
  return (addedBytes) => {
    doneBytes += addedBytes;
    report({ ...item, doneBytes });
  };
}
