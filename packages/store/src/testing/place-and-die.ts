// Run by a test as a process that is killed while it places a tree.
import { readFileSync } from "node:fs";
import { BlobDirectory } from "../blob-directory.ts";
import { openNodeStore } from "../node-store.ts";

const [root = "", job = ""] = process.argv.slice(2);
const { layout, tree, layers } = JSON.parse(readFileSync(job, "utf8"));
const store = openNodeStore(root);
await store.ensureTree({ tree, layers, source: new BlobDirectory(layout) });
store.setRef("a/b", "1.0.0", tree);
