import { startRealColony, whyNoRealColony } from "@cpm/dev-colony/real-colony";
import { test } from "bun:test";
import { describeColonyBehaviour } from "./behaviour.contract.ts";

const reason = whyNoRealColony();
if (reason === undefined) describeColonyBehaviour("ColonyOS 1.9.12", () => startRealColony());
else if (process.env["CI"] === undefined) {
  process.stderr.write(`the real ColonyOS server is not tested: ${reason}\n`);
  test.skip(`ColonyOS 1.9.12: ${reason}`, () => {});
} else {
  test("the real ColonyOS server can run in CI", () => {
    throw new Error(reason);
  });
}
