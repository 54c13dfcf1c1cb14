import { describe, expect, test } from "bun:test";
import { createTestContext } from "../testing/test-context.ts";
import { PlainProgress, silentProgress, TerminalProgress } from "./progress.ts";
import { createStyle } from "./style.ts";
import { displayWidth } from "./terminal-text.ts";

const up = (lines: number) => `\r\u001b[${lines}A\u001b[J`;
const fetching = { id: "a", label: "rise/tool@1.0.0", state: "fetching", totalBytes: 10_000_000 };

function start(columns = 100) {
  const context = createTestContext({ terminal: true, columns });
  return { context, progress: new TerminalProgress(context.stderr, createStyle(false), context.clock) };
}

describe("on a terminal", () => {
  test("a transfer shows its bar, its bytes and, once it can be told, its rate", () => {
    const { context, progress } = start();
    progress.update({ ...fetching, doneBytes: 0 });
    context.advance(1000);
    progress.update({ ...fetching, doneBytes: 5_000_000 });
    expect(context.errWrites).toEqual([
      `  rise/tool@1.0.0 fetching ${"─".repeat(30)} 0 B of 10.0 MB\n`,
      `${up(1)}  rise/tool@1.0.0 fetching ${"━".repeat(15)}${"─".repeat(15)} 5.0 MB of 10.0 MB 5.0 MB/s\n`,
    ]);
  });

  test("the rate is that of the last seconds, so that a stall shows", () => {
    const { context, progress } = start();
    for (const [doneBytes, waitMs] of [
      [8_000_000, 1000],
      [9_000_000, 1000],
      [9_000_000, 3000],
      [9_000_000, 3000],
    ] as const) {
      progress.update({ ...fetching, doneBytes });
      context.advance(waitMs);
    }
    progress.update({ ...fetching, doneBytes: 9_000_000 });
    expect(context.errWrites.at(-1)).toContain(" 0 B/s\n");
    expect(context.errWrites[1]).toContain(" 1.0 MB/s\n");
  });

  test("a finished item leaves the frame and becomes a line that stays above it", () => {
    const { context, progress } = start();
    progress.update({ id: "b", label: "Function b", state: "waiting" });
    progress.update({ ...fetching, doneBytes: 1 });
    progress.update({ ...fetching, state: "in place", finished: true });
    progress.update({ id: "b", label: "Function b", state: "failed", finished: true, failed: true });
    expect(context.errWrites.slice(2)).toEqual([
      `${up(2)}✓ rise/tool@1.0.0 in place\n  Function b waiting\n`,
      `${up(1)}✗ Function b failed\n`,
    ]);
  });

  test("nothing is written when nothing changed, or too soon after the last frame", () => {
    const { context, progress } = start();
    progress.update({ id: "b", label: "Function b", state: "running" });
    for (let turn = 0; turn < 10; turn++) {
      context.advance(1000);
      progress.update({ id: "b", label: "Function b", state: "running" });
    }
    expect(context.errWrites).toHaveLength(1);
    progress.update({ ...fetching, doneBytes: 1 });
    for (let done = 2; done < 1000; done++) progress.update({ ...fetching, doneBytes: done * 1000 });
    expect(context.errWrites).toHaveLength(2);
  });

  test("a change of state is shown at once", () => {
    const { context, progress } = start();
    progress.update({ id: "b", label: "Function b", state: "waiting" });
    progress.update({ id: "b", label: "Function b", state: "running" });
    expect(context.errWrites).toEqual(["  Function b waiting\n", `${up(1)}  Function b running\n`]);
  });

  test.each([120, 80, 60, 40, 20, 10])("no line of a frame is wider than a terminal of %i columns", (columns) => {
    const { context, progress } = start(columns);
    progress.update({ ...fetching, label: "rise/a-package-with-quite-a-long-name@1.0.0", doneBytes: 0 });
    context.advance(1000);
    progress.update({ ...fetching, label: "rise/a-package-with-quite-a-long-name@1.0.0", doneBytes: 5_000_000 });
    progress.update({ id: "b", label: "Workflow wordcount: a node with a long name indeed", state: "waiting" });
    const lines = context.errWrites.flatMap((text) => text.replace(/\u001b\[\d*[AJ]/g, "").split("\n"));
    expect(Math.max(...lines.map(displayWidth))).toBeLessThan(columns);
  });

  test("what does not fit goes in the order bar, rate, sizes, share", () => {
    const shown = [100, 80, 60, 50, 40, 24].map((columns) => {
      const { context, progress } = start(columns);
      progress.update({ ...fetching, doneBytes: 0 });
      context.advance(1000);
      progress.update({ ...fetching, doneBytes: 5_000_000 });
      const line = context.errWrites.at(-1) ?? "";
      return [/[━─]/.test(line), line.includes("/s"), line.includes("of 10.0 MB"), line.includes("50 %")];
    });
    expect(shown).toEqual([
      [true, true, true, false],
      [true, true, true, false],
      [false, true, true, false],
      [false, false, true, false],
      [false, false, false, true],
      [false, false, false, false],
    ]);
  });

  test("at most eight items are shown, the newest", () => {
    const { context, progress } = start();
    for (let number = 1; number <= 20; number++)
      progress.update({ id: `${number}`, label: `item ${number}`, state: "running" });
    const lines = (context.errWrites.at(-1) ?? "").replace(up(8), "").trimEnd().split("\n");
    expect(lines).toHaveLength(8);
    expect(lines.at(-1)).toBe("  item 20 running");
  });

  test("stopping removes the frame, once", () => {
    const { context, progress } = start();
    progress.update({ id: "b", label: "Function b", state: "running" });
    progress.stop();
    progress.stop();
    expect(context.errWrites).toEqual(["  Function b running\n", up(1)]);
  });

  test("a label cannot move the cursor", () => {
    const { context, progress } = start();
    progress.update({ id: "b", label: "evil\u001b[2J\u001b]0;x\u0007", state: "running" });
    progress.line("evil\u001b[H");
    expect(context.err().replace(up(1), "")).not.toMatch(/\u001b/);
  });
});

describe("elsewhere", () => {
  test("there is a line for each change of state and none for bytes", () => {
    const context = createTestContext();
    const progress = new PlainProgress(context.stderr);
    for (let done = 0; done < 100; done++) progress.update({ ...fetching, doneBytes: done });
    progress.line("a note");
    progress.update({ ...fetching, state: "in place", doneBytes: 10_000_000, finished: true });
    progress.stop();
    expect(context.err()).toBe("rise/tool@1.0.0: fetching\na note\nrise/tool@1.0.0: in place (10.0 MB)\n");
  });
  test("quiet is quiet", () => {
    silentProgress.update({ id: "a", label: "a", state: "b" });
    expect(silentProgress.line("x")).toBeUndefined();
  });
});
