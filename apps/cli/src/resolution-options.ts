import type { OptionTable } from "./command.ts";

/** Flags of the commands that choose versions. */
export const resolutionOptions = {
  offline: { type: "boolean", description: "Use no network: only what is known and kept here." },
  "min-age": {
    type: "duration",
    value: "1d",
    description: "Leave out versions that were published more recently (CPM_MIN_AGE).",
  },
} as const satisfies OptionTable;

/** Flag of the commands that take packages out of bundles. */
export const bundleOptions = {
  from: {
    type: "strings",
    value: "BUNDLE",
    description: "Take packages from this bundle, part or folder of bundles, and use no network; repeatable.",
  },
} as const satisfies OptionTable;

/** Flags of the commands that install from a package directory. */
export const lockOptions = {
  locked: { type: "boolean", description: "Fail unless cpm.lock is there and that of colony.yaml." },
  frozen: { type: "boolean", description: "Take cpm.lock as it is, without comparing it with colony.yaml." },
} as const satisfies OptionTable;
