export const packagesPerPage = 20;

/** No further into a list than this, which the database would have to walk. */
export const maxOffset = 1_000_000;

export function pageCount(total: number): number {
  return Math.ceil(total / packagesPerPage);
}
