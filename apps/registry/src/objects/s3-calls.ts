import { storageFailed } from "../errors.ts";
import type { StoredObject } from "./object-storage.ts";
import type { S3Client } from "./s3-client.ts";
import { xmlElements, xmlEscape, xmlText } from "./s3-xml.ts";

export interface UploadedPart {
  readonly number: number;
  readonly etag: string;
  readonly sizeBytes: number;
}

/** The calls of S3 that are needed, and no others: none that stores answer differently. */
export class S3Calls {
  readonly client: S3Client;

  constructor(client: S3Client) {
    this.client = client;
  }

  async put(key: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.client.text({ method: "PUT", key, body });
  }

  /** Its size; undefined when it is not there. */
  async size(key: string): Promise<number | undefined> {
    const { status, headers } = await this.client.text({ method: "HEAD", key, alsoFine: [404] });
    return status === 404 ? undefined : Number(headers.get("content-length"));
  }

  async remove(key: string): Promise<void> {
    await this.client.text({ method: "DELETE", key, alsoFine: [404] });
  }

  async createMultipart(key: string): Promise<string> {
    const { text } = await this.client.text({ method: "POST", key, query: { uploads: "" } });
    return required(text, "UploadId");
  }

  async uploadPart(
    key: string,
    uploadId: string,
    number: number,
    body: Uint8Array<ArrayBuffer>,
  ): Promise<UploadedPart> {
    const query = { partNumber: String(number), uploadId };
    const { headers } = await this.client.text({ method: "PUT", key, query, body });
    const etag = headers.get("etag");
    if (etag === null) throw storageFailed(`S3 answered part ${number} of ${key} without an ETag`);
    return { number, etag, sizeBytes: body.length };
  }

  /**
   * False when the upload or a part of it is not there: it was completed before, or aborted. A store may put the parts
   * together before it answers, which takes minutes for many gigabytes.
   */
  async completeMultipart(key: string, uploadId: string, parts: readonly UploadedPart[]): Promise<boolean> {
    const list = parts.map(
      ({ number, etag }) => `<Part><PartNumber>${number}</PartNumber><ETag>${xmlEscape(etag)}</ETag></Part>`,
    );
    const body = `<CompleteMultipartUpload>${list.join("")}</CompleteMultipartUpload>`;
    const answer = await this.client.text({
      method: "POST",
      key,
      query: { uploadId },
      body,
      answerTimeoutMs: longAnswerTimeoutMs,
      alsoFine: [400, 404],
    });
    if (answer.status === 404 || xmlText(answer.text, "Code") === "InvalidPart") return false;
    if (answer.status === 400) throw storageFailed(`S3 did not complete ${key}: ${answer.text.slice(0, 300)}`);
    // It may have begun to answer 200 before it knew.
    if (answer.text.includes("<Error>"))
      throw storageFailed(`S3 did not complete ${key}: ${answer.text.slice(0, 300)}`);
    return true;
  }

  async abortMultipart(key: string, uploadId: string): Promise<void> {
    await this.client.text({ method: "DELETE", key, query: { uploadId }, alsoFine: [404] });
  }

  /** In the store. Up to 5 GiB at a time: a larger one in parts. */
  async copy(from: string, to: string, sizeBytes: number): Promise<void> {
    const source = { "x-amz-copy-source": encodeURI(`/${this.client.bucketName}/${this.client.prefix}${from}`) };
    if (sizeBytes <= maxCopyBytes) {
      const answerTimeoutMs = longAnswerTimeoutMs;
      const { text } = await this.client.text({ method: "PUT", key: to, headers: source, answerTimeoutMs });
      required(text, "ETag");
      return;
    }
    const uploadId = await this.createMultipart(to);
    const parts: UploadedPart[] = [];
    for (let at = 0; at < sizeBytes; at += maxCopyBytes) {
      const end = Math.min(sizeBytes, at + maxCopyBytes);
      const number = parts.length + 1;
      const query = { partNumber: String(number), uploadId };
      const headers = { ...source, "x-amz-copy-source-range": `bytes=${at}-${end - 1}` };
      const answerTimeoutMs = longAnswerTimeoutMs;
      const { text } = await this.client.text({ method: "PUT", key: to, query, headers, answerTimeoutMs });
      parts.push({ number, etag: required(text, "ETag"), sizeBytes: end - at });
    }
    await this.completeMultipart(to, uploadId, parts);
  }

  /** At most 1000, in byte order. */
  async list(prefix: string, after: string): Promise<readonly StoredObject[]> {
    const { prefix: own } = this.client;
    const query = {
      "list-type": "2",
      prefix: `${own}${prefix}`,
      "max-keys": "1000",
      ...(after === "" ? {} : { "start-after": `${own}${after}` }),
    };
    const { text } = await this.client.text({ method: "GET", key: "", query });
    return xmlElements(text, "Contents").map((entry) => ({
      object: required(entry, "Key").slice(own.length),
      sizeBytes: Number(required(entry, "Size")),
      modifiedAtMs: Date.parse(required(entry, "LastModified")),
    }));
  }
}

const maxCopyBytes = 1024 ** 3;
const longAnswerTimeoutMs = 15 * 60_000;

function required(xml: string, name: string): string {
  const text = xmlText(xml, name);
  if (text === undefined) throw storageFailed(`S3 answered without ${name}: ${xml.slice(0, 300)}`);
  return text;
}
