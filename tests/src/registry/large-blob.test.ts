import { testLargeBlob } from "./large-blob.contract.ts";

testLargeBlob(1_000_000_000, 300_000);
