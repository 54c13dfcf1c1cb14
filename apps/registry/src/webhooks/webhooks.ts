import { accessInvalid } from "../access/access-invalid.ts";
import type { AuditedDatabase, AuditedTransaction, Author } from "../access/audited-database.ts";
import { needNamespace } from "../access/namespaces.ts";
import { changeKinds } from "../changes/change-event.ts";
import type { ChangeKind } from "../changes/change-event.ts";
import type { Reader } from "../database/database.ts";
import { sql } from "../database/sql.ts";
import { registryError } from "../errors.ts";
import { hasDelivery, queueTest, renewDelivery } from "./queue-delivery.ts";
import { createWebhookSecret } from "./signature.ts";

export interface WebhookListing {
  readonly id: string;
  readonly namespace: string;
  readonly url: string;
  readonly events: readonly ChangeKind[];
  readonly createdBy: string;
  readonly createdAt: number;
  /** Deliveries in a row that were given up. */
  readonly failures: number;
  /** Why it is told of nothing any more. */
  readonly disabled?: string;
}

interface Row {
  readonly id: string;
  readonly namespace: string;
  readonly url: string;
  readonly kinds: string;
  readonly created_by: string;
  readonly created_at: number;
  readonly failures: number;
  readonly disabled: string | null;
}

const maxWebhooks = 20;

/** Throws `registry-server/access-invalid`. */
export function parseChangeKinds(texts: readonly string[]): readonly ChangeKind[] {
  const unknown = texts.find((text) => !changeKinds.some((kind) => kind === text));
  if (unknown !== undefined)
    throw accessInvalid(`"${unknown.slice(0, 40)}" is no event; there are ${changeKinds.join(", ")}`);
  return changeKinds.filter((kind) => texts.length === 0 || texts.includes(kind));
}

/** Who is told of the changes of a namespace. Every change of that is one transaction, with its record. */
export class Webhooks {
  readonly #database: AuditedDatabase;

  constructor(database: AuditedDatabase) {
    this.#database = database;
  }

  /** The secret is answered here and nowhere else. Throws `registry-server/namespace-unknown`. */
  async add(
    namespace: string,
    url: URL,
    events: readonly ChangeKind[],
    by: Author,
  ): Promise<WebhookListing & { readonly secret: string }> {
    const [id, secret] = [crypto.randomUUID(), createWebhookSecret()];
    const createdAt = this.#database.now();
    await this.#database.change(by, async (change) => {
      await needNamespace(change, namespace);
      if ((await listOf(change, namespace)).length >= maxWebhooks)
        throw accessInvalid(`${namespace} has ${maxWebhooks} webhooks, which is all that it may have`);
      await change.run(sql`
        INSERT INTO webhooks (id, namespace, url, kinds, secret, created_by, created_at)
        VALUES (${id}, ${namespace}, ${url.href}, ${JSON.stringify(events)}, ${secret}, ${by.actor}, ${createdAt})`);
      await record(change, "webhook.add", namespace, id, { host: url.host, events });
    });
    return { id, namespace, url: url.href, events, createdBy: by.actor, createdAt, failures: 0, secret };
  }

  async list(namespace: string): Promise<readonly WebhookListing[]> {
    return (await listOf(this.#database, namespace)).map(toListing);
  }

  /** Throws `registry-server/webhook-unknown`. */
  async need(namespace: string, id: string): Promise<WebhookListing> {
    return toListing(await needWebhook(this.#database, namespace, id));
  }

  /** With its deliveries. Throws `registry-server/webhook-unknown`. */
  async remove(namespace: string, id: string, by: Author): Promise<void> {
    await this.#database.change(by, async (change) => {
      await needWebhook(change, namespace, id);
      await change.run(sql`DELETE FROM webhooks WHERE id = ${id}`);
      await record(change, "webhook.remove", namespace, id);
    });
  }

  /** Makes a delivery that is told of nothing, also for one that is disabled: it is enabled when that arrives. */
  async test(namespace: string, id: string, by: Author): Promise<number> {
    return this.#database.change(by, async (change) => {
      await needWebhook(change, namespace, id);
      await record(change, "webhook.test", namespace, id);
      return queueTest(change, namespace, id, change.now);
    });
  }

  /** Delivers once more what was delivered or given up. Throws `registry-server/webhook-unknown` for what is not there. */
  async redeliver(namespace: string, id: string, delivery: number, by: Author): Promise<void> {
    await this.#database.change(by, async (change) => {
      await needWebhook(change, namespace, id);
      if (!(await hasDelivery(change, id, delivery)))
        throw registryError("registry-server/webhook-unknown", `${id} has no such delivery`);
      await renewDelivery(change, delivery, change.now);
      await record(change, "webhook.redeliver", namespace, id, { delivery });
    });
  }
}

function listOf(reader: Reader, namespace: string): Promise<Row[]> {
  return reader.all<Row>(sql`SELECT * FROM webhooks WHERE namespace = ${namespace} ORDER BY created_at, id`);
}

async function needWebhook(reader: Reader, namespace: string, id: string): Promise<Row> {
  const row = await reader.get<Row>(sql`SELECT * FROM webhooks WHERE namespace = ${namespace} AND id = ${id}`);
  if (row === undefined) throw registryError("registry-server/webhook-unknown", `${namespace} has no such webhook`);
  return row;
}

function record(
  change: AuditedTransaction,
  action: string,
  namespace: string,
  subject: string,
  detail: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  return change.record({ action, namespace, subject, detail });
}

function toListing({ kinds, created_by: createdBy, created_at: createdAt, disabled, ...row }: Row): WebhookListing {
  const { id, namespace, url, failures } = row;
  const events = JSON.parse(kinds) as readonly ChangeKind[];
  const listing = { id, namespace, url, events, createdBy, createdAt, failures };
  return disabled === null ? listing : { ...listing, disabled };
}
