import { sqliteUnderTest } from "../testing/database-under-test.ts";
import { testScrubRecords } from "./scrub-records.contract.ts";

testScrubRecords(sqliteUnderTest);
