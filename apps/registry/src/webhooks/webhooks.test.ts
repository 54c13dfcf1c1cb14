import { sqliteUnderTest } from "../testing/database-under-test.ts";
import { testWebhooks } from "./webhooks.contract.ts";

testWebhooks(sqliteUnderTest);
