/** One setting of a program; its name in the table is the key of the file, in camel case. */
export interface Setting {
  /** A `list` is a flag that may be repeated, a list in the file, and in a variable texts between spaces. Default: text. */
  readonly type?: "text" | "flag" | "count" | "size" | "duration" | "list";
  /** Without the dashes. Default: the name in kebab case. */
  readonly flag?: string;
  /** What stands for it in the help. Default: the type. */
  readonly value?: string;
  readonly default?: string;
  /** There is no flag for it, since flags are seen by everybody on a machine; and it is never shown. Default false. */
  readonly secret?: boolean;
  readonly meaning: string;
}

/** What stands in the place of a secret. */
export const hidden = "(not shown)";

/** A text as it may be shown: an address without the password that may be in it, also one that cannot be read. */
export function shownText(text: string): string {
  return text.replace(/(:\/\/[^:@/]*):.*@/, `$1:${hidden}@`);
}
