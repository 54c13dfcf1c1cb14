import { colonyOptions, defineCommand, registryOptions } from "../command.ts";
import { withSession } from "../with-session.ts";

export const doctor = defineCommand({
  name: "doctor",
  summary: "Check this machine, the registry and the colony",
  description: "Every check that does not pass comes with what to do about it.",
  arguments: [],
  options: { ...registryOptions, ...colonyOptions },
  examples: [{ line: "cpm doctor", description: "What works, and what to do about the rest." }],
  async run(invocation) {
    const { context, output } = invocation;
    const { examine } = await import("@cpm/operations");
    return withSession(invocation, async (session) => {
      const { settings } = session;
      const configured =
        settings.server !== undefined && settings.colony !== undefined && settings.privateKey !== undefined;
      const results = await examine({
        packagesRoot: settings.packagesRoot,
        credentialFile: settings.credentialFile,
        registry: settings.registry === undefined ? undefined : session.registry(settings.registry.host),
        colony: configured ? session.colony() : undefined,
        signal: context.signal,
      });
      const { green, red, yellow, dim } = output.style;
      const marks = { ok: green("✓"), warning: yellow("!"), failed: red("✗") } as const;
      output.data(
        results.map((result) => ({ ...result })),
        () =>
          results
            .flatMap(({ name, level, detail, fix }) => [
              `${marks[level]} ${name} ${dim(detail)}`,
              ...(fix === undefined ? [] : [`    ${output.wrap(fix, "    ")}`]),
            ])
            .join("\n"),
      );
      return results.some((result) => result.level === "failed") ? 1 : 0;
    });
  },
});
