import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { diskUseOf } from "./disk-use.ts";

test.skipIf(process.platform === "win32")("the use of a disk is what df tells of it", () => {
  const { stdout } = Bun.spawnSync(["df", "-Pk", tmpdir()]);
  const [, , used = 0, available = 0] = (stdout.toString().trim().split("\n").at(-1) ?? "").split(/\s+/).map(Number);
  const use = diskUseOf(tmpdir());
  // Others write meanwhile.
  const tolerance = 0.01 * (used + available) * 1024;
  expect(Math.abs(use.usedBytes - used * 1024)).toBeLessThan(tolerance);
  expect(Math.abs(use.availableBytes - available * 1024)).toBeLessThan(tolerance);
});
