import type { PeerCredentials } from "@cpm/system";

/** Who calls, as the kernel says; undefined ids where it does not tell. */
export interface Caller {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly pid: number | undefined;
  /** May remove, collect and heal, and change the leases of others. */
  readonly administrator: boolean;
}

/** Credentials as the address of a connection: the only thing about it that a call can ask for. */
export function formatPeer(peer: PeerCredentials | undefined): string {
  return peer === undefined ? "unknown" : `${peer.uid}.${peer.gid}.${peer.pid}`;
}

/** The caller of a connection whose address `formatPeer` wrote. */
export function parsePeer(address: string, administrators: ReadonlySet<number>): Caller {
  const match = /^(\d+)\.(\d+)\.(\d+)(?::\d+)?$/.exec(address);
  if (match === null) return { uid: undefined, gid: undefined, pid: undefined, administrator: false };
  const [uid = 0, gid = 0, pid = 0] = match.slice(1).map(Number);
  return { uid, gid, pid, administrator: administrators.has(uid) };
}
