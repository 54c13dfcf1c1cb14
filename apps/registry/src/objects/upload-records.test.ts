import { databasesUnderTest } from "../database/databases-under-test.ts";
import { LocalUploadRecords } from "./local-upload-records.ts";
import { MemoryUploadRecords } from "./memory-upload-records.ts";
import { SqlUploadRecords } from "./sql-upload-records.ts";
import { testUploadRecords } from "./upload-records.contract.ts";

testUploadRecords("memory", async () => new MemoryUploadRecords());
testUploadRecords("memory before a store", async () => new LocalUploadRecords(new MemoryUploadRecords()));
for (const { name, open } of databasesUnderTest) {
  let close: (() => Promise<void>) | undefined;
  testUploadRecords(
    name,
    async () => {
      const { database, dispose } = await open();
      close = dispose;
      return new SqlUploadRecords(database);
    },
    async () => close?.(),
  );
}
