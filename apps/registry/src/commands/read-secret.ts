import { UsageError } from "@cpm/service";

/** The next line of the input. On a terminal the question is asked and what is typed is not shown. */
export async function readSecret(question: string): Promise<string> {
  if (!process.stdin.isTTY) return firstLine(await Bun.stdin.text());
  process.stderr.write(question);
  process.stdin.setRawMode(true);
  try {
    return await typedLine();
  } finally {
    process.stdin.setRawMode(false);
    process.stdin.pause();
    process.stderr.write("\n");
  }
}

function firstLine(text: string): string {
  const line = text.split(/\r?\n/, 1)[0] ?? "";
  if (line === "") throw new UsageError("there is no password on the standard input");
  return line;
}

const maxTyped = 4096;

function typedLine(): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let line = "";
  const take = (chunk: Buffer): void => {
    for (const character of String(chunk)) {
      if (character === "\r" || character === "\n") resolve(line);
      if (character === "\u0003" || character === "\u0004") reject(new UsageError("no password was given"));
      line = character === "\u007f" ? [...line].slice(0, -1).join("") : line + character;
      if (line.length > maxTyped) reject(new UsageError("the password is too long"));
    }
  };
  process.stdin.on("data", take);
  process.stdin.resume();
  return promise.finally(() => process.stdin.off("data", take));
}
