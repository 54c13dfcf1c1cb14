/** What tests with a real PostgreSQL server need: the database itself, and the suites that each must pass. */
export { testCollectionRaces } from "../collect/collect-races.contract.ts";
export { testCollection } from "../collect/collect.contract.ts";
export type { Database } from "../database/database.ts";
export { testChanges } from "../changes/changes.contract.ts";
export { testDatabase } from "../database/database.contract.ts";
export { openPostgresDatabase } from "../database/postgres-database.ts";
export type { PostgresSettings } from "../database/postgres-settings.ts";
export { sql } from "../database/sql.ts";
export { testJobs } from "../jobs/jobs.contract.ts";
export { testMirrorRecords } from "../mirror/mirror-records.contract.ts";
export { testMetadata } from "../metadata.contract.ts";
export { testSimilarNames } from "../metadata/similar-names.contract.ts";
export { testWithdrawals } from "../metadata/withdrawals.contract.ts";
export { testSqlUploadRecords } from "../objects/upload-records.contract.ts";
export { testWebhooks } from "../webhooks/webhooks.contract.ts";
export { testScrubRecords } from "../scrub/scrub-records.contract.ts";
export { databaseUnderTest, sqliteUnderTest } from "./database-under-test.ts";
export type { DatabaseKind } from "./database-under-test.ts";
