import { expect, test } from "bun:test";
import { conformanceCases, runConformance } from "../testing/conformance.ts";
import recorded from "./conformance.json";

/** Only ever raised. */
const ratchet = 1067;

test("CEL's published conformance data, through the parser, functions and metering of templates", () => {
  const failing: string[] = [];
  const skipped: Record<string, number> = {};
  let passed = 0;
  const cases = conformanceCases();
  for (const entry of cases) {
    const outcome = runConformance(entry);
    if (outcome.kind === "passed") passed++;
    else if (outcome.kind === "skipped") skipped[outcome.reason] = (skipped[outcome.reason] ?? 0) + 1;
    else failing.push(entry.name);
  }
  const reasons = Object.entries(skipped).map(([reason, count]) => `${count} ${reason}`);
  process.stdout.write(`CEL conformance: ${passed}/${passed + failing.length} passed, skipped ${reasons.join(", ")}\n`);
  expect(failing.sort()).toEqual(Object.keys(recorded.failing).sort());
  expect({ passed, skipped, total: cases.length }).toEqual({
    passed: recorded.passed,
    skipped: recorded.skipped,
    total: recorded.total,
  });
  expect(passed).toBeGreaterThanOrEqual(ratchet);
});
