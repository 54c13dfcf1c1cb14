/** What can be told of, by the name that never changes. */
export const changeKinds = [
  "version.published",
  "version.yanked",
  "version.unyanked",
  "package.deprecated",
  "package.undeprecated",
  "manifest.pushed",
  "manifest.deleted",
  "tag.set",
  "tag.deleted",
  "namespace.shown",
  "namespace.hidden",
] as const;

export type ChangeKind = (typeof changeKinds)[number];

/** Something that whoever keeps a copy of the registry, or waits for a version, wants to know. */
export interface ChangeEvent {
  readonly kind: ChangeKind;
  /** The repository, or the namespace where it is about the whole of it. */
  readonly name: string;
  /** Version, digest, tag or reason, as it applies. */
  readonly detail?: Readonly<Record<string, string>>;
}

/** What rights are asked about: of a namespace, what a pattern must match to cover all of it. */
export function subjectOf({ kind, name }: ChangeEvent): string {
  return kind.startsWith("namespace.") ? `${name}/` : name;
}
