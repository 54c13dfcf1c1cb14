import { BlobDirectory } from "@cpm/store";
import { DirectoryObjects } from "./directory-objects.ts";
import type { ObjectStorage } from "./object-storage.ts";
import { S3Objects } from "./s3-objects.ts";
import type { S3Settings } from "./s3-settings.ts";

/** Where a registry has the bytes of its blobs: in S3, or in its data directory. */
export interface ObjectPlace {
  readonly dataDirectory: string;
  readonly s3?: S3Settings;
}

export function openObjects({ dataDirectory, s3 }: ObjectPlace): ObjectStorage {
  return s3 === undefined ? new DirectoryObjects(new BlobDirectory(dataDirectory)) : new S3Objects(s3);
}
