import { sqliteUnderTest } from "../testing/database-under-test.ts";
import { testChanges } from "./changes.contract.ts";

testChanges(sqliteUnderTest);
