import { join } from "node:path";

/** Tests of the registry that take long: programs of others that are slow to build, and a blob of 10 GB. */
const files = [
  "clients/helm.campaign.ts",
  "clients/cosign.campaign.ts",
  "backing/distribution.campaign.ts",
  "large-blob.campaign.ts",
];

/** Answers the exit status. Needs Go, about 30 GB of disk, and a quarter of an hour from an empty cache. */
export async function testRegistryPeers(): Promise<number> {
  const paths = files.map((file) => `./tests/src/registry/${file}`);
  const child = Bun.spawn([process.execPath, "test", "--timeout=60000", ...paths], {
    cwd: join(import.meta.dir, "../../.."),
    stdio: ["ignore", "inherit", "inherit"],
  });
  return child.exited;
}

if (import.meta.main) process.exitCode = await testRegistryPeers();
