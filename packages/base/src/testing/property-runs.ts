/**
 * How often a property is tried, and from where: `CPM_TEST_SEED=N` repeats a run, and a campaign
 * (`bun run campaign`) tries `CPM_TEST_FACTOR` times as many. The seed is printed once for each test file.
 */
export function propertyRuns(everyday: number): { readonly numRuns: number; readonly seed: number } {
  return { numRuns: Math.ceil(everyday * propertyFactor), seed: propertySeed };
}

/** Default: 1. */
export const propertyFactor: number = positive("CPM_TEST_FACTOR") ?? 1;

export const propertySeed: number = positive("CPM_TEST_SEED") ?? Date.now() % 2 ** 31;

process.stderr.write(`CPM_TEST_SEED=${propertySeed}\n`);

function positive(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name} is "${text}", not a number above 0`);
  return value;
}
