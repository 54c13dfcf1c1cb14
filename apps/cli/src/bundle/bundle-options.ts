import type { OptionTable, ParsedOptions } from "../command.ts";
import { registryOptions } from "../command.ts";

/** Flags of all actions; `bundleActions` says which takes which. */
export const bundleCommandOptions = {
  output: { type: "string", short: "o", value: "FILE", description: "With create: where to write." },
  force: { type: "boolean", description: "With create: replace the file when it is there." },
  platform: {
    type: "strings",
    value: "OS/ARCH",
    description: "With create: only this platform of packages of several; repeatable.",
  },
  without: {
    type: "strings",
    value: "BUNDLE",
    description: "With create: leave out what this bundle holds; repeatable.",
  },
  split: { type: "string", value: "SIZE", description: "With create: write parts of at most this size, such as 4GB." },
  offline: { type: "boolean", description: "With create: use no network, only what is kept here." },
  from: { type: "strings", value: "BUNDLE", description: "A further bundle, such as the one a thin one needs." },
  to: { type: "string", value: "HOST", description: "With push: the registry. Default: the configured one." },
  "allow-similar-name": {
    type: "boolean",
    description: "With push: take names for new packages that are easily taken for those of others.",
  },
  port: { type: "integer", value: "PORT", description: "With serve: where to listen. Default: any that is free." },
  ...registryOptions,
} as const satisfies OptionTable;

export type BundleOptions = ParsedOptions<typeof bundleCommandOptions>;

export const bundleActions = {
  create: ["output", "force", "platform", "without", "split", "offline", "registry"],
  inspect: ["from"],
  verify: ["from"],
  push: ["from", "to", "allow-similar-name", "registry"],
  serve: ["from", "port", "registry"],
} as const satisfies Readonly<Record<string, readonly (keyof typeof bundleCommandOptions)[]>>;

export type BundleAction = keyof typeof bundleActions;
