import { afterAll, beforeAll, describe } from "bun:test";
import { describeBase } from "./base.contract.ts";
import { describeBlobs } from "./blobs.contract.ts";
import { describeManifests } from "./manifests.contract.ts";
import { ProtocolClient } from "./protocol-client.ts";
import type { ProtocolTarget } from "./protocol-client.ts";
import { describeReferrers } from "./referrers.contract.ts";
import { describeTags } from "./tags.contract.ts";
import { describeUploads } from "./uploads.contract.ts";

export interface OpenTarget {
  readonly target: ProtocolTarget;
  readonly close: () => Promise<void>;
}

/**
 * The distribution specification v1.1 and what its main branch added, as a client from outside sees it: written from
 * the text, section by section, in words of ours. It asks nothing of what keeps the content.
 */
export function describeProtocol(name: string, open: () => Promise<OpenTarget>): void {
  describe(`${name} by the distribution specification`, () => {
    let opened: OpenTarget;
    let client: ProtocolClient;
    beforeAll(async () => {
      opened = await open();
      client = new ProtocolClient(opened.target);
    }, 60_000);
    afterAll(() => opened.close());
    const current = (): ProtocolClient => client;
    describeBase(current);
    describeUploads(current);
    describeBlobs(current);
    describeManifests(current);
    describeTags(current);
    describeReferrers(current);
  });
}
