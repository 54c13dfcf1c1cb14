/** Subcommands by which this executable starts itself, confined. People have no use for them, so help does not name them. */
const programs = {
  confine: async ([text = ""]: readonly string[]): Promise<number> =>
    (await import("./isolation/confine.ts")).launchConfined(text),
  unpack: async (): Promise<number> => (await import("./worker/unpack-program.ts")).unpackProgram(),
  measure: async (): Promise<number> => (await import("./worker/measure-program.ts")).measureProgram(),
  verify: async (): Promise<number> => (await import("./worker/verify-program.ts")).verifyProgram(),
  release: async (): Promise<number> => (await import("./releases/release-program.ts")).releaseProgram(),
};

/** The program of a name; it answers its exit status. */
export function ownProgram(name: string): ((parameters: readonly string[]) => Promise<number>) | undefined {
  return Object.hasOwn(programs, name) ? programs[name as keyof typeof programs] : undefined;
}
