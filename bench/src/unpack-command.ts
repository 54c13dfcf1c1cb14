// Measured: `unpack-command NODE JOB` unpacks a layer whose blob the node store holds, checks it and publishes the tree.
import { openNodeStore } from "@cpm/store";
import { readLayerJob } from "./layer-job.ts";
import { reportPeakMemory } from "./peak-memory.ts";

const [node = "", job = ""] = process.argv.slice(2);
const { tree, descriptor, declared } = readLayerJob(job);
const store = openNodeStore(node);
await store.ensureTree({ tree, layers: [{ descriptor, declared }], source: store.blobs });
reportPeakMemory();
