import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { concatBytes, encodeUtf8 } from "@cpm/base";
import { Spool } from "./spool.ts";

const folder = mkdtempSync(join(tmpdir(), "cpm-spool-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

function open(): { readonly spool: Spool; readonly path: string } {
  const path = join(folder, String(count++));
  return { spool: new Spool(path), path };
}

async function textOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  return new TextDecoder().decode(concatBytes(await Array.fromAsync(source)));
}

describe("a spool", () => {
  test("gives every reader its range, whether it came before or after the bytes", async () => {
    const { spool, path } = open();
    const early = [
      textOf(spool.read({ startBytes: 0, endBytes: 11 })),
      textOf(spool.read({ startBytes: 4, endBytes: 9 })),
    ];
    for (const text of ["hel", "lo ", "world"]) {
      spool.write(encodeUtf8(text));
      await Bun.sleep(0);
    }
    spool.end();
    const late = textOf(spool.read({ startBytes: 6, endBytes: 11 }));
    expect(await Promise.all([...early, late])).toEqual(["hello world", "o wor", "world"]);
    expect(existsSync(path)).toBe(true);
    spool.release();
    expect(existsSync(path)).toBe(false);
  });

  test("gives what came before a failure, and then the failure", async () => {
    const { spool } = open();
    spool.write(encodeUtf8("abc"));
    const reader = spool.read({ startBytes: 0, endBytes: 9 })[Symbol.asyncIterator]();
    expect((await reader.next()).value).toEqual(encodeUtf8("abc"));
    const rest = reader.next();
    spool.fail(new Error("cut off"));
    expect(rest).rejects.toThrow("cut off");
    spool.release();
  });

  test("of nothing tells the failure as well", async () => {
    const { spool } = open();
    const nothing = textOf(spool.read({ startBytes: 0, endBytes: 0 }));
    spool.fail(new Error("was not empty"));
    expect(nothing).rejects.toThrow("was not empty");
    spool.release();
  });

  test("stays for who still reads when its writer has gone, and goes with the last, who may stop early", async () => {
    const { spool, path } = open();
    spool.write(encodeUtf8("abcdef"));
    const reader = spool.read({ startBytes: 0, endBytes: 6 })[Symbol.asyncIterator]();
    await reader.next();
    spool.end();
    spool.release();
    expect(existsSync(path)).toBe(true);
    await reader.return?.();
    expect(existsSync(path)).toBe(false);
  });
});
