/** A layer of a published package, as its registry has it. */
export interface Layer {
  /** Of its URL. */
  readonly path: string;
  /** Its digest in hexadecimal digits. */
  readonly hex: string;
  readonly sizeBytes: number;
}

/** Bytes that do not compress. */
export function noise(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

/** Of a package without platforms. */
export async function largestLayer(host: string, name: string, version: string): Promise<Layer> {
  const accept = "application/vnd.oci.image.manifest.v1+json";
  const response = await fetch(`http://${host}/v2/${name}/manifests/${version}`, { headers: { accept } });
  const { layers } = (await response.json()) as { layers: { digest: string; size: number }[] };
  const largest = layers.toSorted((left, right) => right.size - left.size)[0];
  if (largest === undefined) throw new Error(`${name} has no layers`);
  const { digest, size: sizeBytes } = largest;
  return { path: `/v2/${name}/blobs/${digest}`, hex: digest.slice("sha256:".length), sizeBytes };
}
