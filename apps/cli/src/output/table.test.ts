import { describe, expect, test } from "bun:test";
import { createStyle } from "./style.ts";
import { formatTable } from "./table.ts";
import { cutText, displayWidth, harmless, wrapText } from "./terminal-text.ts";

const { green } = createStyle(true);
const columns = [{ title: "NAME" }, { title: "TEXT", flexible: true }, { title: "N" }];
const rows = [
  ["a", "a long description of it", "1"],
  ["longer", "short", "22"],
];

describe("a table", () => {
  test("is as wide as its cells where no width is given, without white space at the ends of lines", () => {
    expect(formatTable(columns, rows)).toBe(
      [
        "NAME    TEXT                      N",
        "a       a long description of it  1",
        "longer  short                     22",
      ].join("\n"),
    );
  });
  test("cuts what is flexible to a terminal's width", () => {
    const text = formatTable(columns, rows, 28);
    expect(text.split("\n")).toEqual([
      "NAME    TEXT              N",
      "a       a long descript…  1",
      "longer  short             22",
    ]);
    expect(Math.max(...text.split("\n").map(displayWidth))).toBeLessThanOrEqual(28);
  });
  test("keeps twelve columns of what is flexible, and never cuts the rest", () => {
    expect(formatTable(columns, rows, 5).split("\n")[1]).toBe("a       a long desc…  1");
  });
  test("does not widen a flexible column that is narrower than its least", () => {
    expect(formatTable([{ title: "A" }, { title: "B", flexible: true }], [["aaaaaaaaaa", "b"]], 8)).toBe(
      "A           B\naaaaaaaaaa  b",
    );
  });
  test("counts wide and combined characters as a terminal does", () => {
    const wide = formatTable(
      [{ title: "A" }, { title: "B" }],
      [
        ["日本", "x"],
        ["e\u0301e", "y"],
        ["👩‍🚀", "z"],
      ],
    );
    expect(wide.split("\n").map((line) => displayWidth(line.slice(0, -1)))).toEqual([6, 6, 6, 6]);
  });
  test("counts marks as nothing", () => {
    expect(formatTable([{ title: "S" }, { title: "N" }], [[green("ok"), "1"]])).toBe(`S   N\n${green("ok")}  1`);
  });
  test("has one line for each row whatever a cell holds", () => {
    expect(formatTable([{ title: "A" }, { title: "B" }], [["one\r\ntwo\tthree", "x"]])).toBe(
      "A              B\none two three  x",
    );
  });
  test("shows missing cells as empty, and titles alone for no rows", () => {
    expect(formatTable(columns, [["a"]])).toBe("NAME  TEXT  N\na");
    expect(formatTable(columns, [])).toBe("NAME  TEXT  N");
  });
});

test.each<[text: string, width: number, cut: string]>([
  ["abcdef", 6, "abcdef"],
  ["abcdef", 5, "abcd…"],
  ["abcdef", 1, "…"],
  ["abcdef", 0, ""],
  ["日本語", 5, "日本…"],
  ["日本語", 4, "日…"],
  ["e\u0301e\u0301e\u0301", 2, "e\u0301…"],
  [green("abcdef"), 4, "\u001b[32mabc…\u001b[0m"],
  [`x${green("abc")}`, 2, "x\u001b[32m…\u001b[0m"],
])("%p in %i columns is %p", (text, width, cut) => {
  expect(cutText(text, width)).toBe(cut);
  expect(displayWidth(cut)).toBeLessThanOrEqual(width);
});

test.each<[text: string, width: number, lines: string[]]>([
  ["one two three", 7, ["one two", "three"]],
  ["one", 2, ["one"]],
  ["", 5, [""]],
  ["averylongword b", 5, ["averylongword", "b"]],
])("%p breaks at %i columns", (text, width, lines) => {
  expect(wrapText(text, width)).toEqual(lines);
});

test.each<[text: string, shown: string]>([
  ["plain\n\ttext", "plain\n\ttext"],
  ["dos\r\nline", "dos\nline"],
  [green("mark"), green("mark")],
  ["\u001b]0;title\u0007x", "\ufffd]0;title\ufffdx"],
  ["\u001b[2Jgone", "\ufffd[2Jgone"],
  ["over\rwritten \u009b1m", "over\ufffdwritten \ufffd1m"],
])("%p is shown as %p", (text, shown) => {
  expect(harmless(text)).toBe(shown);
});
