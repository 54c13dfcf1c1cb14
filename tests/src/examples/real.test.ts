import { whyNoRealColony } from "@cpm/dev-colony/real-colony";
import { test } from "bun:test";
import { describeExamples } from "./examples.contract.ts";

const reason = whyNoRealColony();
if (reason === undefined) describeExamples("ColonyOS 1.9.12", ["--colonyos"]);
else if (process.env["CI"] === undefined) {
  process.stderr.write(`the examples are not tested on the real ColonyOS server: ${reason}\n`);
  test.skip(`ColonyOS 1.9.12: ${reason}`, () => {});
} else {
  test("the real ColonyOS server can run in CI", () => {
    throw new Error(reason);
  });
}
