// Run by a test as a process with another umask, and as another user where CPM_TEST_UID names one.
import { readPackageDirectory } from "../package/lint-package.ts";
import { packPackage } from "../package/pack-package.ts";

const [directory = "", layout = ""] = process.argv.slice(2);
const user = Number(process.env["CPM_TEST_UID"] ?? "");
if (user !== 0) process.setuid?.(user);
const { root, variants } = await packPackage(readPackageDirectory(directory).directory, layout);
process.stdout.write(JSON.stringify({ root: root.digest, trees: variants.map(({ tree }) => tree) }));
