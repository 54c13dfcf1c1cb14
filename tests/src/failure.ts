import { isCpmError } from "@cpm/base";
import type { CpmError } from "@cpm/base";

/** How it fails; an error for what does not. */
export async function failure(run: () => unknown): Promise<CpmError> {
  try {
    await run();
  } catch (error) {
    if (isCpmError(error)) return error;
    throw error;
  }
  throw new Error("it did not fail");
}
