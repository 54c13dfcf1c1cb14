import { hostname } from "node:os";
import type { CliRunOptions, Workplace } from "./workplace.ts";

/** One command of a session: what is typed, and what is given beside it. */
export interface Step {
  /** As in a shell, without expansion; a word with spaces stands in double quotes. */
  readonly line: string;
  readonly options?: CliRunOptions;
}

/** Runs commands one after the other and writes down what a terminal would show of each. */
export async function recordSession(place: Workplace, steps: readonly (string | Step)[]): Promise<string> {
  const parts: string[] = [];
  for (const step of steps) {
    const { line, options } = typeof step === "string" ? { line: step } : step;
    const argv = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
    const { stdout, stderr, status } = await place.cpm(argv, options);
    parts.push(
      [
        `$ cpm ${line}`,
        ...prefixed("", stdout),
        ...prefixed("! ", stderr),
        ...(status === 0 ? [] : [`=> ${status}`]),
      ].join("\n"),
    );
  }
  return redact(`${parts.join("\n")}\n`, place);
}

/** Stderr is marked, so that it is seen what goes where. */
function prefixed(mark: string, text: string): readonly string[] {
  return text === ""
    ? []
    : text
        .replace(/\n$/, "")
        .split("\n")
        .map((line) => `${mark}${line}`.trimEnd());
}

/** What is another in each run: places, ports, digests, ids, times and sizes that hang on them. */
function redact(text: string, place: Workplace): string {
  return (
    text
      .replaceAll(place.packages, "<packages>")
      .replaceAll(place.home, "<home>")
      .replaceAll(place.folder, "<work>")
      .replaceAll(place.registry.host, "<registry>")
      .replaceAll(place.colony.endpoint, "<server>")
      .replaceAll(hostname(), "<machine>")
      .replace(/127\.0\.0\.1:\d+/g, "<host>")
      .replace(/sha256[:/][0-9a-f]{64}/g, "<digest>")
      .replace(/\b[0-9a-f]{12,64}\b/g, "<id>")
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, "<time>")
      .replace(/\d+(?:\.\d+)? (?:B|[kMGT]B)\b/g, "<size>")
      // Columns are as wide as what was replaced.
      .replace(/(\S) {2,}/g, "$1  ")
  );
}
