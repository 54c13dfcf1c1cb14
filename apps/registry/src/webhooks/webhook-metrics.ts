import type { MetricFamily, MetricSource } from "@cpm/service";
import type { Deliveries } from "./deliveries.ts";
import type { WebhookSender } from "./webhook-sender.ts";

/** What is to be delivered, as the database has it of all replicas, and what this one tried. */
export class WebhookMetrics implements MetricSource {
  readonly #deliveries: Deliveries;
  readonly #sender: WebhookSender;

  constructor(deliveries: Deliveries, sender: WebhookSender) {
    this.#deliveries = deliveries;
    this.#sender = sender;
  }

  async families(): Promise<readonly MetricFamily[]> {
    const [pending, disabled] = await Promise.all([this.#deliveries.countPending(), this.#deliveries.countDisabled()]);
    const attempts = Object.entries(this.#sender.attempts).map(
      ([outcome, count]) => [`outcome="${outcome}"`, count] as const,
    );
    return [
      gauge("cpm_registry_webhook_deliveries_pending", "Deliveries that are to be made.", pending),
      gauge("cpm_registry_webhooks_disabled", "Webhooks that are told of nothing any more.", disabled),
      {
        name: "cpm_registry_webhook_attempts_total",
        type: "counter",
        help: "Attempts to deliver, by what came of them.",
        values: attempts,
      },
    ];
  }
}

function gauge(name: string, help: string, value: number): MetricFamily {
  return { name, type: "gauge", help, values: [["", value]] };
}
