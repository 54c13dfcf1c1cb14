import { ArrivingUnpacker } from "./arriving-unpacker.ts";
import { describeTreeUnpacker } from "./testing/tree-unpacker.contract.ts";

describeTreeUnpacker("in this process", () => new ArrivingUnpacker());
