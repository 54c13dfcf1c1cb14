// Measured: `pull-command NODE JOB REGISTRY REPOSITORY` fetches a layer, checks it, unpacks it and publishes the tree.
import { anonymous, createRegistryClient } from "@cpm/registry-client";
import { openNodeStore } from "@cpm/store";
import { readLayerJob } from "./layer-job.ts";
import { reportPeakMemory } from "./peak-memory.ts";

const [node = "", job = "", registry = "", repository = ""] = process.argv.slice(2);
const { tree, descriptor, declared } = readLayerJob(job);
const client = createRegistryClient({ registry, credentials: anonymous, userAgent: "cpm-bench" });
const source = client.repository(repository);
await openNodeStore(node).ensureTree({ tree, layers: [{ descriptor, declared }], source });
reportPeakMemory();
