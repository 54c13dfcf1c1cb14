import { afterAll, beforeAll, expect, test } from "bun:test";
import { commandTable } from "@cpm/cli";
import type { Workplace } from "./workplace.ts";
import { openWorkplace } from "./workplace.ts";

let place: Workplace;
beforeAll(async () => {
  place = await openWorkplace();
  await place.addIdleExecutor("local-executor");
  await place.cpm(["init", "hello", "--name", "rise/hello"]);
  await place.cpm(["publish", "hello"]);
  await place.cpm(["install", "rise/hello"]);
}, 60_000);
afterAll(async () => place?.stop());

test.each(commandTable.map((entry) => entry.name))("cpm %s --json tells a mistake as JSON", async (name) => {
  const { stdout, stderr, status } = await place.cpm([name, "--json", "--no-such-flag"]);
  expect([stdout, status]).toEqual(["", 2]);
  expect(JSON.parse(stderr)).toMatchObject({
    error: { code: "cli/unknown-option", kind: "invalid_argument", message: "there is no option --no-such-flag" },
  });
});

/** One call of every command that ends by itself, each with nothing on stderr. */
const calls: Readonly<Record<string, readonly string[]>> = {
  init: ["another"],
  lint: ["hello"],
  render: ["./hello"],
  pack: ["hello"],
  lock: ["hello"],
  update: ["--directory", "hello"],
  outdated: ["hello"],
  tree: ["hello"],
  bundle: ["create", "hello", "-o", "hello.bundle"],
  why: ["rise/other", "--directory", "hello"],
  publish: ["hello"],
  sign: ["--generate-key", "new.key"],
  yank: ["rise/hello@0.1.0", "--undo"],
  deprecate: ["rise/hello", "--undo"],
  search: [],
  info: ["rise/hello", "--readme"],
  resolve: ["rise/hello"],
  login: ["127.0.0.1:1", "-u", "me", "--password-stdin"],
  logout: [],
  install: ["rise/hello", "--name", "second"],
  apply: [],
  list: [],
  status: ["hello"],
  history: ["hello"],
  logs: ["hello"],
  uninstall: ["hello"],
  colony: ["init"],
  agent: ["list"],
  verify: ["--fleet"],
  dev: ["status"],
  doctor: [],
  completion: ["bash"],
};
const needsMore: Readonly<Record<string, string>> = {
  why: "finds nothing that needs it",
  login: "asks a registry that is away",
  apply: "has no plan here",
  colony: "has no owner's key here",
  dev: "finds no colony of its own here",
};

test.each(commandTable.map((entry) => entry.name))(
  "cpm %s --json prints one document, or one error",
  async (name) => {
    const args = calls[name];
    if (args === undefined) throw new Error(`say how cpm ${name} is called`);
    const { stdout, stderr, status } = await place.cpm([name, ...args, "--json"], { stdin: "x" });
    if (name in needsMore) {
      expect(status).toBeGreaterThan(0);
      expect(JSON.parse(stderr)).toMatchObject({ error: { code: expect.stringMatching(/^[a-z-]+\/[a-z-]+$/) } });
      return;
    }
    expect([stderr, status]).toEqual(["", 0]);
    // A log is a document for each line: none, where nothing was printed.
    if (name !== "logs") JSON.parse(stdout);
  },
  30_000,
);
