import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Workplace } from "./workplace.ts";
import { openWorkplace } from "./workplace.ts";

let place: Workplace;
beforeAll(async () => {
  place = await openWorkplace();
  await place.cpm(["init", "hello", "--name", "rise/hello"]);
  await place.cpm(["publish", "hello"]);
}, 60_000);
afterAll(async () => place?.stop());

const failure = ({ stderr, status }: { stderr: string; status: number }) => [JSON.parse(stderr).error.code, status];

test("a version is signed with a key that was made for it, and only that key vouches for it", async () => {
  const made = await place.cpm(["sign", "--generate-key", "ada.key"]);
  expect([made.stderr, made.status]).toEqual(["", 0]);
  place.write("ada.pub", made.stdout);
  expect(statSync(join(place.folder, "ada.key")).mode & 0o777).toBe(0o600);
  const before = readFileSync(join(place.folder, "ada.key"), "utf8");
  expect(failure(await place.cpm(["sign", "--generate-key", "ada.key", "--json"]))).toEqual(["cli/exists", 6]);
  expect(readFileSync(join(place.folder, "ada.key"), "utf8")).toBe(before);

  const verify = ["verify", "rise/hello@0.1.0", "--json"];
  expect(failure(await place.cpm([...verify, "--key", "ada.pub"]))).toEqual(["trust/unsigned", 7]);
  const signed = await place.cpm(["sign", "rise/hello@0.1.0", "--json"], { env: { CPM_SIGNING_KEY: "ada.key" } });
  expect([signed.stderr, signed.status]).toEqual(["", 0]);
  const { keyId, digest, signature } = JSON.parse(signed.stdout);
  const again = await place.cpm(["sign", "rise/hello@0.1.0", "--key", "ada.key", "--json"]);
  expect(JSON.parse(again.stdout).signature).toBe(signature);

  const found = await place.cpm([...verify, "--key", "ada.pub"]);
  expect(JSON.parse(found.stdout)).toMatchObject({ digest, signers: [{ signer: "ada.pub", keyId }], others: [] });
  const other = await place.cpm(["sign", "--generate-key", "eve.key"]);
  place.write("eve.pub", other.stdout);
  expect(failure(await place.cpm([...verify, "--key", "eve.pub"]))).toEqual(["trust/untrusted-key", 7]);
  const indented = made.stdout.replace(/^/gm, "      ");
  const keys = `keys:\n  - signer: ada\n    packages: [rise/*]\n    publicKey: |\n${indented}`;
  place.write("trust.yaml", `apiVersion: cpm.trust/v1\n${keys}\nrequire: {"rise/*": require}\n`);
  const judged = await place.cpm(["verify", "rise/hello", "--policy", "trust.yaml"]);
  expect([judged.stdout, judged.status]).toEqual([`rise/hello@0.1.0 (${digest})\nsigned by ada, key ${keyId}\n`, 0]);
}, 60_000);

test("a key that others can read, or none, signs nothing", async () => {
  await place.cpm(["sign", "--generate-key", "open.key"]);
  chmodSync(join(place.folder, "open.key"), 0o644);
  const sign = ["sign", "rise/hello@0.1.0", "--json"];
  expect(failure(await place.cpm([...sign, "--key", "open.key"]))).toEqual(["trust/key-exposed", 6]);
  place.write("none.key", "secret words");
  chmodSync(join(place.folder, "none.key"), 0o600);
  const none = await place.cpm([...sign, "--key", "none.key"]);
  expect(failure(none)).toEqual(["trust/key-invalid", 2]);
  expect(none.stderr).not.toContain("secret words");
  expect(failure(await place.cpm(["sign", "rise/hello", "--key", "ada.key", "--json"]))).toEqual(["cli/usage", 2]);
  expect(failure(await place.cpm(["verify", "rise/hello", "--json"]))).toEqual(["cli/usage", 2]);
}, 60_000);
