import type { Diagnostic } from "@cpm/base";
import type { Version } from "@cpm/model";
import type { ListedVersion } from "@cpm/registry-client";
import { operationsErrors } from "../errors.ts";

/** What a registry says against a version that was published. */
export type Withdrawal = Pick<ListedVersion, "yanked" | "yankReason" | "deprecated">;

/** A version that somebody is about to use. */
export interface UsedVersion extends Withdrawal {
  readonly name: string;
  readonly version: Version;
}

/** What one should know before using these versions, in their order: which are yanked, and which deprecated. */
export function withdrawalWarnings(used: readonly UsedVersion[]): readonly Diagnostic[] {
  return used.flatMap(({ name, version, yanked, yankReason, deprecated }) => {
    const what = `${name}@${version.text}`;
    const reason = yankReason === undefined ? "" : `: ${yankReason}`;
    return [
      ...(yanked ? [warning("package/yanked", `${what} was yanked${reason}`)] : []),
      ...(deprecated === undefined ? [] : [deprecation(what, deprecated)]),
    ];
  });
}

/** Of a listed version what says something against it. */
export function withdrawalOf({ yanked, yankReason, deprecated }: ListedVersion): Withdrawal {
  return {
    yanked,
    ...(yankReason === undefined ? {} : { yankReason }),
    ...(deprecated === undefined ? {} : { deprecated }),
  };
}

function deprecation(what: string, { message, successor }: NonNullable<Withdrawal["deprecated"]>): Diagnostic {
  const found = warning("package/deprecated", `${what} is deprecated: ${message}`);
  return successor === undefined ? found : { ...found, hint: `Use ${successor} in its place.` };
}

function warning(code: "package/yanked" | "package/deprecated", message: string): Diagnostic {
  const { hint } = operationsErrors[code];
  return { code, severity: "warning", message, hint };
}
