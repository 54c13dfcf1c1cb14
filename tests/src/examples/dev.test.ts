import { describeExamples } from "./examples.contract.ts";

describeExamples("the embedded colony", []);
