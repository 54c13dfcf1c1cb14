import { expect, test } from "bun:test";
import { collectBytes } from "@cpm/base";
import { S3Objects, testObjectStorage } from "@cpm/registry/testing/objects";
import { whyNoGo } from "@cpm/dev-colony/programs";
import { startS3Server } from "./s3-server.ts";

const reason = whyNoGo();
if (reason !== undefined) process.stdout.write(`the S3 server does not run: ${reason}\n`);

test.skipIf(process.env["CI"] === undefined)("an S3 server can be built", () => expect(reason).toBeUndefined());

if (reason === undefined) {
  testObjectStorage("S3", async () => {
    const server = await startS3Server();
    const open = () => new S3Objects(server.settings());
    return {
      open,
      kept: (place, sizeBytes) => collectBytes(open().read(place, sizeBytes), sizeBytes),
      stop: () => server.stop(),
    };
  });
}
