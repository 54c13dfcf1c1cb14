export * from "./package-artifact.ts";
export * from "./registry-under-test.ts";
export * from "./registry-with-users.ts";
export { sendWebhook } from "../webhooks/send-webhook.ts";
export type { SendRules } from "../webhooks/send-webhook.ts";
