import { sqliteUnderTest } from "../testing/database-under-test.ts";
import { testMirrorRecords } from "./mirror-records.contract.ts";

testMirrorRecords(sqliteUnderTest);
