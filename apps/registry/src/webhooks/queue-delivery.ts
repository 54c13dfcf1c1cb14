import type { ChangeEvent } from "../changes/change-event.ts";
import type { Reader, Transaction } from "../database/database.ts";
import { sql } from "../database/sql.ts";

/** What tells nothing but that it arrives. */
const testKind = "webhook.test";

/** Makes a delivery for each webhook of the namespace that is to be told of an event. */
export async function queueDeliveries(
  transaction: Transaction,
  namespace: string,
  { kind, name, detail = {} }: ChangeEvent,
  now: number,
): Promise<void> {
  const body = bodyOf(kind, now, { name, ...detail });
  await transaction.run(sql`
    INSERT INTO deliveries (webhook, kind, body, state, created_at, next_at)
    SELECT w.id, CAST(${kind} AS TEXT), CAST(${body} AS TEXT), 'pending', CAST(${now} AS BIGINT), CAST(${now} AS BIGINT)
    FROM webhooks w
    WHERE w.namespace = ${namespace} AND w.disabled IS NULL AND w.kinds LIKE ${`%"${kind}"%`}`);
}

/** One for this webhook alone; answers its id. */
export async function queueTest(transaction: Transaction, namespace: string, webhook: string, now: number) {
  const body = bodyOf(testKind, now, { name: namespace });
  const queued = await transaction.get<{ id: number }>(sql`
    INSERT INTO deliveries (webhook, kind, body, state, created_at, next_at)
    VALUES (${webhook}, ${testKind}, ${body}, 'pending', ${now}, ${now}) RETURNING id`);
  if (queued === undefined) throw new TypeError("what was inserted has an id");
  return queued.id;
}

export async function hasDelivery(reader: Reader, webhook: string, id: number): Promise<boolean> {
  return (await reader.get(sql`SELECT 1 FROM deliveries WHERE id = ${id} AND webhook = ${webhook}`)) !== undefined;
}

/** Has it tried from the beginning, whatever came of it. */
export async function renewDelivery(transaction: Transaction, id: number, now: number): Promise<void> {
  await transaction.run(sql`
    UPDATE deliveries SET state = 'pending', attempts = 0, next_at = ${now}, ended_at = NULL WHERE id = ${id}`);
}

/** As the specification proposes it: "Payload structure". */
function bodyOf(type: string, now: number, data: Readonly<Record<string, string>>): string {
  return JSON.stringify({ type, timestamp: new Date(now).toISOString(), data });
}
