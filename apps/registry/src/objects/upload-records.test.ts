import { sqliteUnderTest } from "../testing/database-under-test.ts";
import { LocalUploadRecords } from "./local-upload-records.ts";
import { MemoryUploadRecords } from "./memory-upload-records.ts";
import { testSqlUploadRecords, testUploadRecords } from "./upload-records.contract.ts";

testUploadRecords("memory", async () => new MemoryUploadRecords());
testUploadRecords("memory before a store", async () => new LocalUploadRecords(new MemoryUploadRecords()));
testSqlUploadRecords(sqliteUnderTest);
