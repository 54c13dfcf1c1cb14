import { mkdirSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { openWorkplace } from "../cli/workplace.ts";

/*
 * Installs from a bundle in a place of its own: an empty home, no registry, and a colony on the loopback interface. When
 * it runs in a network namespace there is nothing else to reach. Prints what came of it as JSON.
 */
const [bundle = "", project = "", isolated] = process.argv.slice(2);
if (isolated === "isolated") Bun.spawnSync(["ip", "link", "set", "lo", "up"]);
const place = await openWorkplace();
await place.registry.stop();
const home = join(place.folder, "empty-home");
mkdirSync(home);
const env = { CPM_REGISTRY: undefined, HOME: home };
const run = async (line: string) => {
  const { stdout, stderr, status } = await place.cpm(line.split(" "), { env });
  return { line: line.replaceAll(bundle, "BUNDLE").replaceAll(project, "PROJECT"), status, stdout, stderr };
};
const steps = [
  await run(`bundle verify ${bundle}`),
  await run(`resolve rise/pipe --from ${bundle}`),
  await run(`lock ${project} --from ${bundle}`),
  await run(`install ${project} --locked --from ${bundle} --json`),
  await run(`install rise/pipe --name alone --from ${bundle} --plan plan.json`),
  await run(`apply plan.json --from ${bundle}`),
  await run(`tree --from ${bundle}`),
  await run(`info rise/pipe --from ${bundle} --json`),
  await run(`list --json`),
];
const interfaces = Object.keys(networkInterfaces());
await place.stop();
process.stdout.write(JSON.stringify({ interfaces, steps }));
