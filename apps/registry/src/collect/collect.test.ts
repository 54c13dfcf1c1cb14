import { sqliteUnderTest } from "../testing/database-under-test.ts";
import { testCollectionRaces } from "./collect-races.contract.ts";
import { testCollection } from "./collect.contract.ts";

testCollection(sqliteUnderTest);
testCollectionRaces(sqliteUnderTest);
