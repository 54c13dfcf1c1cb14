import { testMetadata } from "../metadata.contract.ts";
import { sqliteUnderTest } from "../testing/database-under-test.ts";
import { testWithdrawals } from "./withdrawals.contract.ts";

testMetadata(sqliteUnderTest);
testWithdrawals(sqliteUnderTest);
