import type { PostgresSettings } from "@cpm/registry/testing/databases";
import type { S3Settings } from "@cpm/registry/testing/objects";

/** What a process is told of the servers that it is to use. */
export interface StorageFlags {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Also for the commands on accounts. */
export function databaseFlags({ host, port, database, user }: PostgresSettings): readonly string[] {
  return ["--database", `postgres://${user}@${host}:${port}/${database}`];
}

export function objectFlags({ endpoint, bucket, prefix, accessKeyId, secretAccessKey }: S3Settings): StorageFlags {
  const where = ["--s3-endpoint", endpoint, "--s3-bucket", bucket, "--s3-access-key-id", accessKeyId];
  return {
    args: [...where, "--s3-prefix", prefix, "--s3-path-style"],
    environment: { CPM_REGISTRY_S3_SECRET_ACCESS_KEY: secretAccessKey },
  };
}
