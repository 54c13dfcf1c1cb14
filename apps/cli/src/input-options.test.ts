import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isCpmError } from "@cpm/base";
import { parseOptions } from "./parse-options.ts";
import { inputOptions, readGivenInputs } from "./input-options.ts";
import { createTestContext } from "./testing/test-context.ts";

const cwd = mkdtempSync(join(tmpdir(), "cpm-inputs-"));
beforeAll(() => {
  writeFileSync(join(cwd, "a.yaml"), "who: file-a\nshards: 4\n");
  writeFileSync(join(cwd, "b.yaml"), "who: file-b\n");
  writeFileSync(join(cwd, "text"), "of a file\n");
  writeFileSync(join(cwd, "binary"), new Uint8Array([0xff, 0xfe, 0]));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

async function read(line: string, stdin = "") {
  const context = createTestContext({ cwd, stdin });
  const { options } = parseOptions(line === "" ? [] : line.split(" "), inputOptions, []);
  const given = await readGivenInputs(options as Parameters<typeof readGivenInputs>[0], context);
  const plain = given.map(({ key, value }) => [key, value.kind === "scalar" ? String(value.value) : value.kind]);
  return { given: plain as [string, string][], reads: context.readsOfAll() };
}

test.each<[line: string, given: [string, string][]]>([
  ["", []],
  ["--set who=me", [["who", "me"]]],
  ["--set who=a=b", [["who", "a=b"]]],
  [
    "-f a.yaml",
    [
      ["who", "file-a"],
      ["shards", "4"],
    ],
  ],
  ["--set-file who=text", [["who", "of a file\n"]]],
])("%j gives %j", async (line, given) => {
  expect((await read(line)).given).toEqual(given);
});

test("later inputs win, and values files come before --set-file before --set wherever they stand", async () => {
  const { given } = await read("--set who=set --set-file who=text -f a.yaml -f b.yaml");
  expect(given.filter(([key]) => key === "who").map(([, value]) => value)).toEqual([
    "file-a",
    "file-b",
    "of a file\n",
    "set",
  ]);
});

test("standard input is read once, and only when it is asked for", async () => {
  expect(await read("-f - --set-file who=-", "who: x")).toEqual({
    given: [
      ["who", "x"],
      ["who", "who: x"],
    ],
    reads: 1,
  });
  expect((await read("--set who=-", "y")).reads).toBe(0);
});

test.each<[line: string, code: string]>([
  ["-f none.yaml", "cli/no-file"],
  ["--set-file who=none", "cli/no-file"],
  ["-f .", "cli/usage"],
  ["-f binary", "cli/usage"],
  ["--set who", "input/assignment"],
  ["--set =x", "input/assignment"],
])("%j is refused with %s and a hint", async (line, code) => {
  const error = await read(line).catch((thrown: unknown) => thrown);
  if (!isCpmError(error)) throw error;
  expect(error.code).toBe(code);
  expect(error.hint).toMatch(/./);
});
