/** What tests with a real S3 server need: the storages themselves, and the suite that each must pass. */
export { testObjectStorage } from "../objects/object-storage.contract.ts";
export type { ObjectsUnderTest } from "../objects/object-storage.contract.ts";
export { MemoryUploadRecords } from "../objects/memory-upload-records.ts";
export type { S3Patience } from "../objects/s3-client.ts";
export { S3Objects } from "../objects/s3-objects.ts";
export type { S3Settings } from "../objects/s3-settings.ts";
export { Uploads } from "../uploads.ts";
