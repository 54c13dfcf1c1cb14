/** The artifact type of a yank mark: an OCI manifest whose subject is a version's manifest. */
export const yankArtifactType = "application/vnd.colonyos.cpm.yank.v1";

/** Characters of a reason to yank, and of a message to deprecate. */
export const maxNoticeLength = 500;

/**
 * What one mark says of a version: that it is yanked, or that it no longer is. Marks are added and never taken away, so
 * that a copy of a package tells the same as the registry that it came from; of several the newest counts.
 */
export interface YankMark {
  readonly yanked: boolean;
  /** One line, for people. Empty only where a version is no longer yanked. */
  readonly reason: string;
  /** Whom the registry knows as who said it. */
  readonly by: string;
  readonly atMs: number;
}

const keys = {
  state: "org.colonyos.cpm.yank.state",
  reason: "org.colonyos.cpm.yank.reason",
  by: "org.colonyos.cpm.yank.by",
  created: "org.opencontainers.image.created",
} as const;

/** A mark as the annotations of its manifest, which a registry repeats when it lists referrers. */
export function formatYankMark({ yanked, reason, by, atMs }: YankMark): Readonly<Record<string, string>> {
  return {
    [keys.state]: yanked ? "yanked" : "active",
    ...(reason === "" ? {} : { [keys.reason]: reason }),
    [keys.by]: by,
    [keys.created]: new Date(atMs).toISOString(),
  };
}

/** Undefined for annotations that are no mark: another state, no time, or a reason that is too long or none at all. */
export function readYankMark(annotations: Readonly<Record<string, string>> = {}): YankMark | undefined {
  const { [keys.state]: state, [keys.reason]: reason = "", [keys.by]: by = "", [keys.created]: created } = annotations;
  const atMs = created !== undefined && rfc3339.test(created) ? Date.parse(created) : Number.NaN;
  if ((state !== "yanked" && state !== "active") || Number.isNaN(atMs)) return undefined;
  const yanked = state === "yanked";
  if (by.length > maxByLength || !isLine(by)) return undefined;
  if (reason === "" ? yanked : !isNotice(reason)) return undefined;
  return { yanked, reason, by, atMs };
}

/** The mark that counts: the last in time, and of two at the same moment the one with the higher digest. */
export function newestYankMark(
  referrers: Iterable<{ readonly digest: string; readonly annotations?: Readonly<Record<string, string>> }>,
): YankMark | undefined {
  let newest: { readonly digest: string; readonly mark: YankMark } | undefined;
  for (const { digest, annotations } of referrers) {
    const mark = readYankMark(annotations);
    if (mark === undefined) continue;
    const later = newest === undefined ? 1 : mark.atMs - newest.mark.atMs;
    if (later > 0 || (later === 0 && newest !== undefined && digest > newest.digest)) newest = { digest, mark };
  }
  return newest?.mark;
}

/** Whether a text can be a reason or a message: one line that says something, of at most 500 characters. */
export function isNotice(text: string): boolean {
  return text.trim() !== "" && text.length <= maxNoticeLength && isLine(text);
}

const maxByLength = 200;
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

function isLine(text: string): boolean {
  return !/[\p{Cc}\u2028\u2029]/u.test(text);
}
