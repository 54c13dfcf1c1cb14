import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { defaultLimits } from "./limits.ts";
import { LineSplitter } from "./line-splitter.ts";
import { LogWriter } from "./log-writer.ts";

describe("lines of a stream", () => {
  const split = (chunks: readonly Uint8Array[], maxLineBytes = 1000): string[] => {
    const lines: string[] = [];
    const splitter = new LineSplitter(maxLineBytes, (line) => lines.push(line));
    for (const chunk of chunks) splitter.write(chunk);
    splitter.end();
    return lines;
  };
  const encode = (text: string) => new TextEncoder().encode(text);

  test.each([
    ["", []],
    ["a", ["a"]],
    ["a\nb\n", ["a", "b"]],
    ["a\r\n\r\nb", ["a", "", "b"]],
    ["\n", [""]],
  ])("%j", (text, lines) => expect(split([encode(text)])).toEqual(lines));

  test("do not depend on how the bytes came", () => {
    const cut = fc.tuple(fc.string({ unit: "binary", maxLength: 60 }), fc.array(fc.nat(80), { maxLength: 6 }));
    fc.assert(
      fc.property(cut, ([text, cuts]) => {
        const bytes = encode(text);
        const places = [0, ...cuts.filter((at) => at <= bytes.length).toSorted((a, b) => a - b), bytes.length];
        const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
        expect(split(chunks)).toEqual(split([bytes]));
      }),
    );
  });

  test("that are too long come in pieces of the limit at most, and nothing is lost", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 }),
        fc.integer({ min: 12, max: 60 }),
        (text, max) => {
          const line = text.replaceAll(/[\r\n]/g, "x");
          const pieces = split([encode(line)], max);
          expect(pieces.join("")).toBe(line);
          expect(pieces.every((piece) => piece.isWellFormed() && encode(piece).length <= max)).toBe(true);
        },
      ),
    );
  });

  test("that are no UTF-8 keep their place", () => {
    expect(split([new Uint8Array([0x61, 0xff, 0x62, 0x0a, 0xc3])])).toEqual(["a\uFFFDb", "\uFFFD"]);
  });
});

describe("a log", () => {
  const limits = { ...defaultLimits, maxBatchLines: 3, maxBatchBytes: 20, maxLogBytes: 1000 };
  const collect = (own = limits) => {
    const sent: string[] = [];
    let underWay = 0;
    const writer = new LogWriter(async (message) => {
      expect(++underWay).toBe(1);
      await Promise.resolve();
      sent.push(message);
      underWay--;
    }, own);
    return { writer, sent };
  };

  test("is sent in order, in batches of lines and bytes, one call at a time", async () => {
    const { writer, sent } = collect();
    for (let line = 0; line < 10; line++) writer.add(`line ${line}`);
    writer.add("x".repeat(30));
    writer.add("end");
    await writer.end();
    expect(sent).toEqual([
      "line 0\nline 1\n",
      "line 2\nline 3\n",
      "line 4\nline 5\n",
      "line 6\nline 7\n",
      "line 8\nline 9\n",
      `${"x".repeat(30)}\n`,
      "end\n",
    ]);
    const short = collect();
    for (const line of ["a", "b", "c", "d"]) short.writer.add(line);
    await short.writer.end();
    expect(short.sent).toEqual(["a\nb\nc\n", "d\n"]);
  });

  test("ends with a note at its limit", async () => {
    const { writer, sent } = collect({ ...limits, maxLogBytes: 9 });
    for (const line of ["1234", "56", "7890", "more"]) writer.add(line);
    await writer.end();
    expect(sent.join("")).toBe("1234\n56\n[the log ends here: it is limited to 9 bytes]\n");
  });

  test("that cannot be sent says so at its end, and takes no more", async () => {
    let calls = 0;
    const writer = new LogWriter(async () => {
      calls++;
      throw new Error("refused");
    }, limits);
    writer.add("a");
    await expect(writer.end()).rejects.toThrow("refused");
    writer.add("b");
    await expect(writer.end()).rejects.toThrow("refused");
    expect(calls).toBe(1);
  });

  test("without lines sends nothing", async () => {
    const { writer, sent } = collect();
    await writer.end();
    expect(sent).toEqual([]);
  });
});
