import type { DeliveryListing } from "../webhooks/deliveries.ts";
import { refusePrivateUrl, parseWebhookUrl } from "../webhooks/webhook-url.ts";
import { parseChangeKinds } from "../webhooks/webhooks.ts";
import type { WebhookListing } from "../webhooks/webhooks.ts";
import { registryError } from "../errors.ts";
import { requireManager } from "./account-call.ts";
import type { Call } from "./account-call.ts";
import { json, noContent } from "./answers.ts";
import { countOf } from "./count-of.ts";
import { textField, textList } from "./json-body.ts";

const defaultListed = 50;
const maxListed = 100;

export async function listWebhooks({ parts, caller, names: [namespace = ""] }: Call): Promise<Response> {
  await requireManager(parts, caller, namespace);
  return json(200, { webhooks: (await parts.accounts.webhooks.list(namespace)).map(formatWebhook) });
}

export async function addWebhook({ parts, caller, body, names: [namespace = ""] }: Call): Promise<Response> {
  await requireManager(parts, caller, namespace);
  const fields = await body();
  const url = parseWebhookUrl(textField(fields, "url"));
  if (!parts.privateWebhooks) refusePrivateUrl(url);
  const events = parseChangeKinds(textList(fields, "events", []));
  const { secret, ...made } = await parts.accounts.webhooks.add(namespace, url, events, caller);
  return json(201, { ...formatWebhook(made), secret }, { "cache-control": "no-store" });
}

export async function removeWebhook({ parts, caller, names: [namespace = "", id = ""] }: Call): Promise<Response> {
  await requireManager(parts, caller, namespace);
  await parts.accounts.webhooks.remove(namespace, id, caller);
  return noContent(204);
}

export async function testWebhook({ parts, caller, names: [namespace = "", id = ""] }: Call): Promise<Response> {
  await requireManager(parts, caller, namespace);
  const delivery = await parts.accounts.webhooks.test(namespace, id, caller);
  return json(202, { delivery: String(delivery) });
}

export async function listDeliveries({
  parts,
  caller,
  query,
  names: [namespace = "", id = ""],
}: Call): Promise<Response> {
  await requireManager(parts, caller, namespace);
  const webhook = await parts.accounts.webhooks.need(namespace, id);
  const limit = Math.min(countOf(query, "limit") ?? defaultListed, maxListed);
  const before = countOf(query, "before") ?? Number.MAX_SAFE_INTEGER;
  const deliveries = await parts.deliveries.list(webhook.id, before, limit);
  return json(200, { deliveries: deliveries.map(formatDelivery) });
}

export async function redeliver({ parts, caller, names }: Call): Promise<Response> {
  const [namespace = "", id = "", delivery = ""] = names;
  await requireManager(parts, caller, namespace);
  if (!/^\d{1,15}$/.test(delivery))
    throw registryError("registry-server/webhook-unknown", `${id.slice(0, 80)} has no such delivery`);
  await parts.accounts.webhooks.redeliver(namespace, id, Number(delivery), caller);
  return noContent(202);
}

function formatWebhook({ createdAt, ...fields }: WebhookListing): Record<string, unknown> {
  return { ...fields, createdAt: isoTime(createdAt) };
}

function formatDelivery({ id, createdAt, nextAt, endedAt, ...fields }: DeliveryListing): Record<string, unknown> {
  return {
    id: String(id),
    ...fields,
    createdAt: isoTime(createdAt),
    ...(nextAt === undefined ? {} : { nextAt: isoTime(nextAt) }),
    ...(endedAt === undefined ? {} : { endedAt: isoTime(endedAt) }),
  };
}

function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
