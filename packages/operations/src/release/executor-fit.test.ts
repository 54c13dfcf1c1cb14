import { expect, test } from "bun:test";
import type { JsonValue } from "@cpm/base";
import type { Executor } from "@cpm/colonies";
import type { ExecutorRequirement } from "@cpm/model";
import { describeExecutor, explainMissingExecutor, fittingExecutors } from "./executor-fit.ts";

function executor(...hardware: JsonValue[]): Executor {
  const when = { registeredAt: undefined, lastHeardAt: undefined };
  const named = { id: "x", name: "x", type: "t", state: "approved" as const, colonyName: "dev", locationName: "" };
  return { ...named, ...when, capabilities: { hardware } };
}

const node = { architecture: "amd64", mem: "16384Mi", gpu: { name: "A100", count: 2, mem: "40960Mi" } };
const asks = (more: Partial<ExecutorRequirement>): ExecutorRequirement => ({ type: "t", arch: [], ...more });

test.each<[string, Partial<ExecutorRequirement>, readonly JsonValue[], boolean]>([
  ["as much as there is", { memory: "16Gi", gpu: { count: 2, name: "a100", memory: "40Gi" } }, [node], true],
  ["more memory", { memory: "17Gi" }, [node], false],
  ["more GPUs", { gpu: { count: 3 } }, [node], false],
  ["another GPU", { gpu: { count: 1, name: "h100" } }, [node], false],
  ["a larger GPU", { gpu: { count: 1, memory: "80Gi" } }, [node], false],
  ["memory that nobody tells", { memory: "1Gi" }, [{ mem: "" }], true],
  ["memory that is told as nothing, as the server fills it in", { memory: "1Gi" }, [{ mem: "0Mi" }], true],
  ["a GPU that nobody tells", { gpu: { count: 1 } }, [{ mem: "" }], false],
  ["a GPU of an executor that tells nothing", { gpu: { count: 1 } }, [], false],
  ["memory of an executor that tells nothing", { memory: "1Gi" }, [], true],
  [
    "all on one node",
    { memory: "16Gi", gpu: { count: 1 } },
    [{ mem: "32Gi" }, { mem: "8Gi", gpu: { count: 1 } }],
    false,
  ],
  ["what any of the nodes has", { memory: "16Gi" }, [{ mem: "8GiB" }, { mem: "20G" }], true],
  ["an architecture together with memory", { arch: ["arm64"], memory: "1Gi" }, [node], false],
])("%s", (_what, more, hardware, fits) => {
  expect(fittingExecutors(asks(more), [executor(...hardware)])).toHaveLength(fits ? 1 : 0);
});

test("what is asked for and what there is are told alike", () => {
  const needed = asks({ arch: ["arm64"], memory: "64Gi", gpu: { count: 4, name: "H100", memory: "80Gi" } });
  expect(describeExecutor(needed)).toBe("executor t on arm64 with 4 H100 GPUs of 80Gi and 64Gi of memory");
  expect(explainMissingExecutor(needed, [executor(node)])).toBe("those of the type have 2 A100 GPUs, 16384Mi, amd64");
  expect(explainMissingExecutor(asks({ gpu: { count: 1 } }), [executor()])).toBe("those of the type have no GPU");
});
