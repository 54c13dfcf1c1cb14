import { testMetadata } from "../metadata.contract.ts";
import { sqliteUnderTest } from "../testing/database-under-test.ts";
import { testSimilarNames } from "./similar-names.contract.ts";
import { testWithdrawals } from "./withdrawals.contract.ts";

testMetadata(sqliteUnderTest);
testSimilarNames(sqliteUnderTest);
testWithdrawals(sqliteUnderTest);
