import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { InstalledPackageSchema, LeaseSchema } from "@cpm/agent-client/contract";
import type { Installed } from "../node/installed-packages.ts";
import type { Lease } from "../node/lease-book.ts";

export function installedMessage(installed: Installed): MessageInitShape<typeof InstalledPackageSchema> {
  const { name, version, manifest, tree, path, sizeBytes, pinned, holders, leases } = installed;
  return {
    name,
    version: version.text,
    manifestDigest: manifest ?? "",
    treeDigest: tree,
    path,
    sizeBytes: BigInt(sizeBytes),
    installedAt: timestampFromMs(Math.floor(installed.installedAtMs)),
    lastUsedAt: timestampFromMs(Math.floor(installed.lastUsedAtMs)),
    pinned,
    leases,
    holders: [...holders],
  };
}

export function leaseMessage(lease: Lease): MessageInitShape<typeof LeaseSchema> {
  const { id, expiresAtMs, trees, purpose, ownerUid } = lease;
  return { id, expiresAt: timestampFromMs(expiresAtMs), treeDigests: [...trees], purpose, ownerUid };
}
