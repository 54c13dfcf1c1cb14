// Measured: `pack-command SOURCE OUTPUT [JOB]` packs a directory as `cpm pack` does, and describes what it wrote.
import { listFiles, packLayer } from "@cpm/store";
import { createLayerJob, writeLayerJob } from "./layer-job.ts";
import { reportPeakMemory } from "./peak-memory.ts";

const [source = "", output = "", job] = process.argv.slice(2);
const entries = listFiles(source, () => true);
const layer = await packLayer(entries, output);
if (job !== undefined) writeLayerJob(job, createLayerJob(layer));
reportPeakMemory();
