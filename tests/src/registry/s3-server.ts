import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { S3Settings } from "@cpm/registry/testing/objects";
import { goPrograms, installGoProgram } from "@cpm/dev-colony/programs";
import { defaultCacheDirectory } from "@cpm/dev-colony/real-colony";
import { startBoundServer } from "./bound-server.ts";
import { freePort } from "./free-port.ts";

/** A real S3 server in a folder of its own. */
export interface S3Server {
  readonly host: string;
  /** Where it keeps the objects of the bucket, as files. */
  readonly folder: string;
  /** For a bucket that is there, through `host` or what stands before it. */
  settings(host?: string): S3Settings;
  stop(): Promise<void>;
}

const bucket = "cpm-registry";
const prefix = "p/";
const [accessKeyId, secretAccessKey] = ["test-key", "test-secret"];

let shared: Promise<S3Server> | undefined;

/** One for a whole process of tests, which it ends with. */
export function sharedS3Server(): Promise<S3Server> {
  shared ??= startS3Server();
  return shared;
}

/** versitygw on files, built on first use. It listens on loopback. */
export async function startS3Server(): Promise<S3Server> {
  const program = await installGoProgram(goPrograms.versitygw, defaultCacheDirectory());
  const root = mkdtempSync(join(tmpdir(), "cpm-s3-"));
  // Where no extended attributes are, its metadata lie beside the files.
  for (const folder of ["data", "metadata", `data/${bucket}`]) mkdirSync(join(root, folder));
  const host = `127.0.0.1:${await freePort()}`;
  const backend = ["posix", "--sidecar", join(root, "metadata"), join(root, "data")];
  const keys = { ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey };
  const server = startBoundServer([program, "--quiet", "--port", host, ...backend], root, keys);
  const stop = async (): Promise<void> => {
    await server.end();
    rmSync(root, { recursive: true, force: true });
  };
  while (!(await answers(host))) {
    if (server.exitCode !== undefined) throw new Error(`versitygw ended with ${server.exitCode}`);
    await Bun.sleep(20);
  }
  const place = { bucket, region: "us-east-1", accessKeyId, secretAccessKey, prefix, pathStyle: true };
  const folder = join(root, "data", bucket, prefix);
  return { host, folder, settings: (through = host) => ({ ...place, endpoint: `http://${through}` }), stop };
}

async function answers(host: string): Promise<boolean> {
  try {
    await fetch(`http://${host}/`);
    return true;
  } catch {
    return false; // It does not listen yet.
  }
}
