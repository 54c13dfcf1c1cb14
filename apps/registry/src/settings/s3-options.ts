import { UsageError } from "@cpm/service";
import type { S3Settings } from "../objects/s3-settings.ts";
import type { RegistrySettingReader, SettingName } from "./setting-table.ts";
import { registrySettings } from "./setting-table.ts";

const required = ["s3Endpoint", "s3Bucket", "s3AccessKeyId", "s3SecretAccessKey"] as const satisfies SettingName[];

/** Undefined when none of it is set. Throws `UsageError` when a part is missing or cannot be. */
export function readS3(reader: RegistrySettingReader): S3Settings | undefined {
  const given = required.filter((name) => reader.text(name) !== undefined);
  if (given.length === 0) return undefined;
  const [endpoint, bucket, accessKeyId, secretAccessKey] = required.map((name) => {
    const text = reader.text(name);
    if (text !== undefined && text !== "") return text;
    const secret = registrySettings.isSecret(name);
    const named = secret ? registrySettings.variableOf(name) : `--${registrySettings.flagOf(name)}`;
    throw new UsageError(`${named} is missing, for blobs in S3`);
  }) as [string, string, string, string];
  reader.optional("s3Endpoint", "an address such as https://s3.example.org", isAddress);
  reader.optional("s3Bucket", "the name of a bucket", (text) => /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(text));
  const prefix = reader.optional("s3Prefix", "empty or a path that ends in /", isPrefix) ?? "";
  const region = reader.optional("s3Region", "a region", (text) => /^[a-zA-Z0-9-]{1,64}$/.test(text)) ?? "us-east-1";
  return { endpoint, bucket, region, accessKeyId, secretAccessKey, prefix, pathStyle: reader.flag("s3PathStyle") };
}

/** Whether GETs are redirected. Throws `UsageError` where there is nothing to redirect to. */
export function redirects(reader: RegistrySettingReader, s3: S3Settings | undefined): boolean {
  if (!reader.flag("redirectBlobs")) return false;
  if (s3 === undefined) throw new UsageError("--redirect-blobs is for blobs in S3: --s3-endpoint is missing");
  return true;
}

function isAddress(text: string): boolean {
  const url = URL.parse(text);
  const plain = url !== null && url.search === "" && url.hash === "" && url.username === "";
  return plain && /^https?:$/.test(url.protocol);
}

function isPrefix(text: string): boolean {
  return /^([A-Za-z0-9_.-]+\/)*$/.test(text) && !text.split("/").includes("..");
}
