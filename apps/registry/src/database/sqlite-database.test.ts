import { sqliteUnderTest } from "../testing/database-under-test.ts";
import { testDatabase } from "./database.contract.ts";

testDatabase(sqliteUnderTest);
