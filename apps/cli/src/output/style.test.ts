import { expect, test } from "bun:test";
import { createStyle, usesColour } from "./style.ts";

test.each<[isTerminal: boolean, env: Record<string, string>, colour: boolean]>([
  [true, {}, true],
  [false, {}, false],
  [true, { TERM: "dumb" }, false],
  [true, { NO_COLOR: "1" }, false],
  [true, { NO_COLOR: "0" }, false],
  [true, { NO_COLOR: "" }, true],
  [false, { FORCE_COLOR: "1" }, true],
  [false, { FORCE_COLOR: "0" }, false],
  [true, { FORCE_COLOR: "0" }, false],
  [true, { FORCE_COLOR: "", TERM: "xterm" }, true],
  [true, { NO_COLOR: "1", FORCE_COLOR: "1" }, false],
  [true, { TERM: "dumb", FORCE_COLOR: "1" }, true],
])("a terminal: %j, with %j, has colours: %j", (isTerminal, env, colour) => {
  expect(usesColour(isTerminal, env)).toBe(colour);
});

test("marks are closed by their own end and are nothing where there is no colour or no text", () => {
  const { red, bold } = createStyle(true);
  expect(red(`a ${bold("b")} c`)).toBe("\u001b[31ma \u001b[1mb\u001b[22m c\u001b[39m");
  expect(red("")).toBe("");
  expect(createStyle(false).red("a")).toBe("a");
});
