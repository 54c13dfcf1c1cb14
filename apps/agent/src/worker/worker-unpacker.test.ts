import { describeTreeUnpacker } from "@cpm/store/testing/tree-unpacker";
import { WorkerUnpacker } from "./worker-unpacker.ts";

describeTreeUnpacker("by a confined worker", () => new WorkerUnpacker());
