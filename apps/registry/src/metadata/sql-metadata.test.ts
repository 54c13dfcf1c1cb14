import { testMetadata } from "../metadata.contract.ts";
import { sqliteUnderTest } from "../testing/database-under-test.ts";

testMetadata(sqliteUnderTest);
