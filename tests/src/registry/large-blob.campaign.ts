import { testLargeBlob } from "./large-blob.contract.ts";

testLargeBlob(10_000_000_000, 1_800_000);
