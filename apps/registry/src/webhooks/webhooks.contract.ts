import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { AuditedDatabase } from "../access/audited-database.ts";
import { createAccounts } from "../access/accounts.ts";
import type { Accounts } from "../access/accounts.ts";
import type { ChangeKind } from "../changes/change-event.ts";
import type { Database } from "../database/database.ts";
import type { DatabaseKind } from "../testing/database-under-test.ts";
import { Deliveries } from "./deliveries.ts";
import type { WebhookMessage } from "./send-webhook.ts";
import { WebhookSender } from "./webhook-sender.ts";

const by = { actor: "olga", requestId: "r1" };
const minuteMs = 60_000;
const url = new URL("https://hooks.example/in");

/** What webhooks promise on every database. */
export function testWebhooks({ name, open }: DatabaseKind): void {
  describe(`webhooks, by ${name}`, () => describePromises(open));
}

function describePromises(open: DatabaseKind["open"]): void {
  const opened: (() => Promise<void>)[] = [];
  let database: Database;
  let again: () => Promise<Database>;
  let accounts: Accounts;
  let now = 1_767_000_000_000;

  afterAll(async () => {
    for (const dispose of opened) await dispose();
  });
  beforeEach(async () => {
    const fresh = await open();
    ({ database, again } = fresh);
    opened.push(fresh.dispose);
    now = 1_767_000_000_000;
    accounts = createAccounts(database, () => now);
    for (const namespace of ["acme", "other"]) await accounts.namespaces.add(namespace, false, undefined, by);
  });

  const announce = (kind: ChangeKind, name = "acme/web"): Promise<void> =>
    new AuditedDatabase(database, () => now).change(by, (change) =>
      change.announce({ kind, name, detail: { version: "1.0.0" } }),
    );
  const deliveriesOf = (of: Database = database) => new Deliveries(new AuditedDatabase(of, () => now));
  const list = async (webhook: string) =>
    (await deliveriesOf().list(webhook, Number.MAX_SAFE_INTEGER, 100)).map(({ state, attempts, answer }) =>
      [state, attempts, answer].filter((part) => part !== undefined).join(" "),
    );

  /** One that answers what it is told to; `undefined` is no answer at all. */
  function receiver(of: Database = database) {
    const received: WebhookMessage[] = [];
    const answers: (number | undefined)[] = [];
    const sender = new WebhookSender({
      deliveries: deliveriesOf(of),
      async send(message) {
        received.push(message);
        const answer = answers.length > 0 ? answers.shift() : 204;
        if (answer === undefined) throw new Error("there was no answer");
        return answer;
      },
      now: () => now,
      random: () => 0.5,
      onFailure(error) {
        throw error;
      },
    });
    return { received, answers, sender };
  }

  test("tell of what was chosen, of their namespace only, once, and sign it", async () => {
    const { id, secret } = await accounts.webhooks.add("acme", url, ["version.published", "tag.set"], by);
    await accounts.webhooks.add("other", url, ["version.published"], by);
    await announce("version.published");
    await announce("tag.deleted");
    await announce("version.published", "lab/tool");
    const { received, sender } = receiver();
    await sender.deliverDue();
    await sender.deliverDue();
    expect(received).toHaveLength(1);
    const [message] = received;
    if (message === undefined) throw new Error("nothing was received");
    expect(message.url).toEqual(url);
    expect(JSON.parse(message.body)).toEqual({
      type: "version.published",
      timestamp: new Date(now).toISOString(),
      data: { name: "acme/web", version: "1.0.0" },
    });
    // By the words of the specification, and not by our own code.
    const { "webhook-id": messageId, "webhook-timestamp": at, "webhook-signature": signature } = message.headers;
    expect(at).toBe(String(now / 1000));
    const key = Buffer.from(secret.replace("whsec_", ""), "base64");
    expect(key.length).toBe(32);
    const expected = createHmac("sha256", key).update(`${messageId}.${at}.${message.body}`).digest("base64");
    expect(signature).toBe(`v1,${expected}`);
    expect(await list(id)).toEqual(["delivered 1 status 204"]);
    expect(await deliveriesOf().countPending()).toBe(0);
  });

  test("are tried again with growing pauses under the same id, and given up after a day", async () => {
    const { id } = await accounts.webhooks.add("acme", url, ["tag.set"], by);
    await announce("tag.set");
    const { received, answers, sender } = receiver();
    const pauses: number[] = [];
    for (let attempt = 1; attempt <= 10; attempt++) {
      answers.push(attempt === 1 ? undefined : attempt === 2 ? 302 : 500);
      await sender.deliverDue();
      expect(received).toHaveLength(attempt);
      const [delivery] = await deliveriesOf().list(id, Number.MAX_SAFE_INTEGER, 1);
      if (delivery?.nextAt === undefined) break;
      pauses.push((delivery.nextAt - now) / 1000);
      now = delivery.nextAt - 1;
      await sender.deliverDue();
      expect(received).toHaveLength(attempt);
      now += 1;
    }
    expect(pauses).toEqual([30, 90, 270, 810, 2430, 7290, 21_600, 21_600, 21_600]);
    expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(await list(id)).toEqual(["failed 10 status 500"]);
    expect(await accounts.webhooks.list("acme")).toMatchObject([{ id, failures: 1 }]);
    const first = (await deliveriesOf().list(id, Number.MAX_SAFE_INTEGER, 1))[0]?.id ?? 0;
    await accounts.webhooks.redeliver("acme", id, first, by);
    await sender.deliverDue();
    expect(await list(id)).toEqual(["delivered 1 status 204"]);
    expect(await accounts.webhooks.list("acme")).toMatchObject([{ id, failures: 0 }]);
    await expect(accounts.webhooks.redeliver("acme", id, first + 1, by)).rejects.toMatchObject({
      code: "registry-server/webhook-unknown",
    });
  });

  test("are disabled, with the reason, by a receiver that wants no more, and enabled by a test that arrives", async () => {
    const { id } = await accounts.webhooks.add("acme", url, ["tag.set"], by);
    await announce("tag.set");
    await announce("tag.set");
    const { answers, sender, received } = receiver();
    answers.push(410, 500);
    await sender.deliverDue();
    expect(await accounts.webhooks.list("acme")).toMatchObject([
      { disabled: "the receiver wants no more: status 410" },
    ]);
    expect(await deliveriesOf().countDisabled()).toBe(1);
    await announce("tag.set");
    now += 60 * minuteMs;
    await sender.deliverDue();
    expect(received).toHaveLength(2);
    const [entry] = await accounts.audit.entries("acme", Number.MAX_SAFE_INTEGER, 1);
    expect(entry).toMatchObject({ actor: "registry", action: "webhook.disable", subject: id });
    await accounts.webhooks.test("acme", id, by);
    await sender.deliverDue();
    expect(JSON.parse(received[2]?.body ?? "")).toMatchObject({ type: "webhook.test", data: { name: "acme" } });
    expect((await accounts.webhooks.need("acme", id)).disabled).toBeUndefined();
    await announce("tag.set");
    await sender.deliverDue();
    expect(received).toHaveLength(4);
  });

  test("are disabled when five deliveries in a row were given up", async () => {
    const { id } = await accounts.webhooks.add("acme", url, ["tag.set"], by);
    const { answers, sender } = receiver();
    for (let count = 0; count < 5; count++) {
      expect((await accounts.webhooks.need("acme", id)).disabled).toBeUndefined();
      await announce("tag.set");
      for (let attempt = 0; attempt < 10; attempt++) {
        answers.push(503);
        await sender.deliverDue();
        now += 8 * 60 * minuteMs;
      }
    }
    expect((await accounts.webhooks.need("acme", id)).disabled).toBe(
      "5 deliveries in a row were given up, the last because: status 503",
    );
  });

  test("are shared by replicas: each delivery is made by one of them", async () => {
    await accounts.webhooks.add("acme", url, ["tag.set"], by);
    for (let count = 0; count < 24; count++) await announce("tag.set");
    const replicas = [receiver(), receiver(await again()), receiver(await again())];
    for (let round = 0; round < 6; round++) await Promise.all(replicas.map(({ sender }) => sender.deliverDue()));
    const ids = replicas.flatMap(({ received }) => received.map(({ headers }) => headers["webhook-id"]));
    expect(ids).toHaveLength(24);
    expect(new Set(ids).size).toBe(24);
    expect(await deliveriesOf().countPending()).toBe(0);
  });

  test("of a replica that died are delivered by another after a while; of one that stops, at once", async () => {
    const { id } = await accounts.webhooks.add("acme", url, ["tag.set"], by);
    await announce("tag.set");
    expect(await deliveriesOf().claim(10, minuteMs)).toHaveLength(1);
    const { received, sender } = receiver();
    await sender.deliverDue();
    expect(received).toHaveLength(0);
    now += minuteMs;
    await sender.deliverDue();
    expect(received).toHaveLength(1);
    await announce("tag.set");
    const begun = Promise.withResolvers<void>();
    const stopping = new WebhookSender({
      deliveries: deliveriesOf(),
      async send(_, signal) {
        begun.resolve();
        await new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        });
        return 0;
      },
      now: () => now,
      random: () => 0.5,
      onFailure(error) {
        throw error;
      },
    });
    const running = stopping.deliverDue();
    await begun.promise;
    await stopping.stop();
    await running;
    expect(await list(id)).toEqual(["pending 0", "delivered 2 status 204"]);
    await sender.deliverDue();
    expect(received).toHaveLength(2);
  });

  test("are recorded, limited in number, and end with their deliveries, which are forgotten after a while", async () => {
    const { id } = await accounts.webhooks.add("acme", url, ["tag.set"], by);
    for (let count = 1; count < 20; count++) await accounts.webhooks.add("acme", url, ["tag.set"], by);
    await expect(accounts.webhooks.add("acme", url, ["tag.set"], by)).rejects.toMatchObject({
      code: "registry-server/access-invalid",
    });
    await expect(accounts.webhooks.add("none", url, ["tag.set"], by)).rejects.toMatchObject({
      code: "registry-server/namespace-unknown",
    });
    await announce("tag.set");
    await receiver().sender.deliverDue();
    expect(await deliveriesOf().forget(now)).toBe(false);
    expect(await list(id)).toHaveLength(1);
    await deliveriesOf().forget(now + 1);
    expect(await list(id)).toEqual([]);
    await announce("tag.set");
    await expect(accounts.webhooks.remove("other", id, by)).rejects.toMatchObject({
      code: "registry-server/webhook-unknown",
    });
    await accounts.webhooks.remove("acme", id, by);
    expect(await list(id)).toEqual([]);
    expect(await accounts.webhooks.list("acme")).toHaveLength(19);
    const entries = await accounts.audit.entries("acme", Number.MAX_SAFE_INTEGER, 100);
    expect(entries.filter(({ subject }) => subject === id).map(({ action }) => action)).toEqual([
      "webhook.remove",
      "webhook.add",
    ]);
    expect(JSON.stringify(entries)).not.toContain("whsec_");
  });
}
