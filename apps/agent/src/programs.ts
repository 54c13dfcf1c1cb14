/** Subcommands by which this executable starts itself. People have no use for them. */
const programs = {
  confine: async ([text = ""]: readonly string[]): Promise<number> => {
    const { confine, confineFailedStatus } = await import("./isolation/confine.ts");
    try {
      return confine(text);
    } catch (error) {
      process.stderr.write(error instanceof Error ? error.message : String(error));
      return confineFailedStatus;
    }
  },
  unpack: async (): Promise<number> => (await import("./worker/unpack-program.ts")).unpackProgram(),
  measure: async (): Promise<number> => (await import("./worker/measure-program.ts")).measureProgram(),
};

/** Answers the exit status. */
export async function runProgram([name = "", ...parameters]: readonly string[]): Promise<number> {
  if (Object.hasOwn(programs, name)) return programs[name as keyof typeof programs](parameters);
  process.stderr.write(`error: "${name}" is not a command of cpm-agent\n`);
  return 2;
}
