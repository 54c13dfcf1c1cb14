import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../database.ts";
import { LocalUploadRecords } from "./local-upload-records.ts";
import { MemoryUploadRecords } from "./memory-upload-records.ts";
import { SqlUploadRecords } from "./sql-upload-records.ts";
import { testUploadRecords } from "./upload-records.contract.ts";

testUploadRecords("memory", () => new MemoryUploadRecords());
testUploadRecords(
  "SQLite",
  () => new SqlUploadRecords(openDatabase(join(mkdtempSync(join(tmpdir(), "cpm-records-")), "registry.db"))),
);
testUploadRecords("memory before SQLite", () => new LocalUploadRecords(new MemoryUploadRecords()));
