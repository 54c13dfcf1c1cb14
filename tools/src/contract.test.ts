import { afterAll, describe, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeTargets } from "./contract/code-targets.ts";
import { contractFaults, outdatedCode } from "./contract.ts";

const root = join(import.meta.dir, "../..");
const scratch = mkdtempSync(join(tmpdir(), "cpm-contract-test-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** The contract with one piece of text replaced. */
function changed(name: string, before: string, after: string): string {
  const folder = join(scratch, name);
  cpSync(join(root, "proto"), folder, { recursive: true });
  const path = join(folder, "cpm/agent/v1/agent.proto");
  const text = readFileSync(path, "utf8");
  expect(text).toContain(before);
  writeFileSync(path, text.replace(before, after));
  return folder;
}

describe("the contract of the agent", () => {
  test("keeps the rules and breaks nobody", async () => {
    expect(await contractFaults(root)).toBe("");
  });

  for (const target of codeTargets) {
    const reason = target.whyNot();
    test.skipIf(reason !== undefined)(
      `generates the ${target.language} that is committed`,
      async () => {
        expect(await outdatedCode(root, target)).toEqual([]);
      },
      900_000,
    );
  }

  test("may grow", async () => {
    const grown = changed("grown", "  bool dry_run = 2;", "  bool dry_run = 2;\n  optional string reason = 3;");
    expect(await contractFaults(root, grown)).toBe("");
  });

  test.each([
    ["a call is removed", "  rpc Renew(RenewRequest) returns (RenewResponse);", "", 'RPC "Renew"'],
    ["a call becomes a stream", "returns (ListResponse)", "returns (stream ListResponse)", "server streaming"],
    ["a field gets another type", "  uint64 size_bytes = 6;", "  int64 size_bytes = 6;", '"size_bytes"'],
    ["a field gets another number", "  bool dry_run = 2;", "  bool dry_run = 3;", '"dry_run"'],
    ["a value is renamed", "ENSURE_PHASE_FETCHING = 2", "ENSURE_PHASE_LOADING = 2", "ENSURE_PHASE_FETCHING"],
    ["an absent value becomes zero", "  optional bool pin = 5;", "  bool pin = 5;", '"pin"'],
  ])("is refused when %s", async (name, before, after, said) => {
    expect(await contractFaults(root, changed(name.replaceAll(" ", "-"), before, after))).toContain(said);
  });
});
