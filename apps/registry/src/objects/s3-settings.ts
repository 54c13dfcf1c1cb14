/** Where a bucket is, and who we are there. The bucket must exist. */
export interface S3Settings {
  /** `https://s3.example.org`, without the bucket. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Stands before the name of every object: empty, or ends in a slash. */
  readonly prefix: string;
  /** The bucket in the path, not in the host's name. */
  readonly pathStyle: boolean;
}

/** The address of the bucket, which ends in a slash. */
export function bucketUrl({ endpoint, bucket, pathStyle }: S3Settings): URL {
  const url = new URL(endpoint);
  if (pathStyle) url.pathname = `${url.pathname.replace(/\/$/, "")}/${bucket}/`;
  else url.hostname = `${bucket}.${url.hostname}`;
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}
