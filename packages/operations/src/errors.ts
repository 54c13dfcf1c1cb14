import type { CpmError, ErrorDetails } from "@cpm/base";
import { createError } from "@cpm/base";

export const operationsErrors = {
  "package/no-manifest": {
    kind: "not_found",
    title: "The directory holds no package",
    hint: "A package directory has a colony.yaml; `cpm init` makes one.",
  },
  "package/invalid": {
    kind: "invalid_argument",
    title: "The package has faults",
    hint: "`cpm lint` shows them again with the warnings.",
  },
  "package/not-found": {
    kind: "not_found",
    title: "There is no such package or version",
    hint: "`cpm search` finds packages, `cpm info NAME` lists the versions of one.",
  },
  "package/no-version": {
    kind: "failed_precondition",
    title: "No version fits",
    hint: "`cpm info NAME` lists the versions.",
  },
  "package/no-registry": {
    kind: "invalid_argument",
    title: "No registry is configured",
    hint: "Name one with --registry HOST, CPM_REGISTRY or `registry:` in cpm.config.yaml; `cpm dev up` starts one here.",
  },
  "package/version-exists": {
    kind: "already_exists",
    title: "A published version never changes",
    hint: "Choose a new version number in colony.yaml and publish again.",
  },
  "package/no-platform": {
    kind: "failed_precondition",
    title: "The package has nothing for this platform",
  },
  "package/not-a-package": {
    kind: "data_loss",
    title: "The artifact is not a package, or not the one that was asked for",
    hint: "It was not made by `cpm pack`, or was changed afterwards.",
  },
  "package/template-file": {
    kind: "invalid_argument",
    title: "A file in templates/ that is no template",
    hint: "Templates are .yaml, .yml or .json files of at most 1 MB.",
  },
  "package/empty-payload": {
    kind: "invalid_argument",
    title: "A payload rule that matches no file",
    hint: "Patterns are relative to the package: `payload/**`.",
  },
  "package/undeclared-executor": {
    kind: "invalid_argument",
    title: "A template needs an executor type that `requires` does not name",
    hint: "Add it under requires.executors, so that installing checks for it.",
  },
  "package/yanked": {
    kind: "failed_precondition",
    title: "The version was yanked: whoever published it advises against it",
    hint: "It is used because it is locked or named exactly. `cpm update` moves a locked one to another version.",
  },
  "package/deprecated": {
    kind: "failed_precondition",
    title: "The package or the version is not to be used any more",
    hint: "It works as before. `cpm info NAME` shows what its owners say.",
  },
  "package/dependency-cycle": { kind: "failed_precondition", title: "Packages that need one another" },
  "package/single-instance": {
    kind: "failed_precondition",
    title: "A package that a release can have only once is needed twice",
    hint: "Its author allows it by `multiInstance: true`. Without that, keep one entry: its alias is only a name in templates.",
  },
  "package/too-many-instances": {
    kind: "resource_exhausted",
    title: "A release with too many instances of packages",
    hint: "Multi-instance packages that need one another by alias multiply; share one by leaving the alias out.",
  },
  "package/needs-cpm": {
    kind: "failed_precondition",
    title: "The package needs another version of cpm",
    hint: "Install that version of cpm; --skip-requirements installs all the same.",
  },
  "package/exists": {
    kind: "already_exists",
    title: "The directory or file is there already",
    hint: "Choose another name, or remove it first.",
  },
  "resolution/offline": {
    kind: "unavailable",
    title: "Something is not known here and may not be asked for",
    hint: "Run the command once without --offline, or install from a bundle.",
  },
  "lock/digest-mismatch": {
    kind: "data_loss",
    title: "A registry has other bytes than the lockfile",
    hint: "The version was published anew or the registry is not the one it was. Ask its owner before `cpm update`.",
  },
  "lock/out-of-date": {
    kind: "failed_precondition",
    title: "The lockfile is not that of colony.yaml",
    hint: "Run `cpm lock`, and put the result under version control.",
  },
  "lock/missing": {
    kind: "not_found",
    title: "There is no lockfile",
    hint: "Run `cpm lock`.",
  },
  "lock/not-locked": {
    kind: "not_found",
    title: "The lockfile has no such package",
    hint: "`cpm tree` shows what it has.",
  },
  "lock/other-registry": {
    kind: "permission_denied",
    title: "The lockfile was made with another registry",
    hint: "Use that registry, or remove cpm.lock and resolve anew if the change is meant.",
  },
  "lock/too-much-evidence": {
    kind: "resource_exhausted",
    title: "More signatures of a package than a lockfile takes",
    hint: "Ask the registry's owner what they are; nobody signs one package so often.",
  },
  "bundle/not-found": {
    kind: "not_found",
    title: "There is no bundle",
    hint: "Name a file that `cpm bundle create` wrote, one of its parts, or the folder that they are in.",
  },
  "bundle/invalid": {
    kind: "data_loss",
    title: "Not a bundle, or not a whole one",
    hint: "It was cut off, was changed, or is another file. Copy it again from where it was made.",
  },
  "bundle/damaged": {
    kind: "data_loss",
    title: "A bundle holds other bytes than it says",
    hint: "Copy the file that is named again from where it was made. Nothing of it was used.",
  },
  "bundle/needs-base": {
    kind: "failed_precondition",
    title: "The bundle holds only what another one lacks",
    hint: "Name that one too: --from BASE --from DELTA. A folder that holds both does as well.",
  },
  "bundle/incomplete": {
    kind: "data_loss",
    title: "Something that the lockfile of a bundle names is not in it",
    hint: "Make the bundle again with `cpm bundle create`.",
  },
  "bundle/disagrees": {
    kind: "data_loss",
    title: "A lockfile and the packages that it names tell different things",
    hint: "One of them was changed by hand. Make the lockfile and the bundle again.",
  },
  "bundle/evidence-missing": {
    kind: "not_found",
    title: "A signature that was seen when locking is gone",
    hint: "Ask the registry's owner why. `cpm update NAME` locks what is there now.",
  },
  "bundle/other-registry": {
    kind: "permission_denied",
    title: "The bundle's packages are of another registry",
    hint: "Packages of one registry never stand for those of another. Name the bundle's with --registry HOST if it is meant.",
  },
  "bundle/several-registries": {
    kind: "invalid_argument",
    title: "The bundles' packages are of several registries",
    hint: "Say which with --registry HOST, or name bundles of one.",
  },
  "bundle/conflict": {
    kind: "data_loss",
    title: "Two bundles have other bytes of the same version",
    hint: "Versions never change: one of the bundles is not what it seems. Use one that you trust.",
  },
  "bundle/partial": {
    kind: "failed_precondition",
    title: "The bundle was made for some platforms only",
    hint: "A registry takes whole packages. Make a bundle without --platform.",
  },
  "plan/invalid": {
    kind: "invalid_argument",
    title: "Not a saved plan",
    hint: "A plan is what `cpm install --plan FILE` wrote.",
  },
  "plan/stale": {
    kind: "aborted",
    title: "The world has changed since the plan was made",
    hint: "Make the plan again with `cpm install --plan FILE`.",
  },
  "placement/no-agent": {
    kind: "failed_precondition",
    title: "No agent can take the packages",
    hint: "`cpm agent list` shows the agents. --placement none installs without placing anything.",
  },
  "placement/selector": {
    kind: "invalid_argument",
    title: "A selector of nodes that is wrong",
    hint: "Such as --selector name=gpu-*,arch=arm64; there is name, location, arch and platform.",
  },
  "placement/several-roots": {
    kind: "failed_precondition",
    title: "Agents keep their packages in several directories",
    hint: "A package has one path in what is submitted: give the agents the same --root, or choose nodes with --selector.",
  },
  "placement/several-platforms": {
    kind: "failed_precondition",
    title: "A package has other files for each platform of the nodes",
  },
  "placement/not-published": {
    kind: "failed_precondition",
    title: "Agents cannot fetch what is only here",
    hint: "`cpm publish` it, and install it from the registry.",
  },
  "placement/failed": {
    kind: "unavailable",
    title: "A node did not get the packages",
    hint: "Nothing was installed. Mend the node, or leave it out with --selector or --placement any.",
  },
  "placement/damaged": {
    kind: "data_loss",
    title: "A node has damaged packages, or has lost some",
    hint: "On the node `Verify` with `heal` fetches a damaged tree anew; `cpm install` places what is missing.",
  },
  "placement/unanswered": {
    kind: "unavailable",
    title: "A node could not be asked",
    hint: "`cpm agent list` shows when the colony heard of it last.",
  },
  "colony/not-prepared": {
    kind: "failed_precondition",
    title: "The colony does not keep releases yet",
    hint: "Its owner runs `cpm colony init` once, with the owner's key in COLONIES_COLONY_PRVKEY.",
  },
  "colony/needs-owner": {
    kind: "permission_denied",
    title: "Only the colony's owner may do this",
    hint: "Set COLONIES_COLONY_PRVKEY to the owner's key for this one command; it is not stored.",
  },
  "colony/missing-executor": {
    kind: "failed_precondition",
    title: "No executor of the type is alive in the colony",
    hint: "Start and approve one; `colonies executor ls` lists them. --skip-requirements installs all the same.",
  },
  "colony/wrong-version": {
    kind: "failed_precondition",
    title: "The colony runs another version of ColonyOS",
    hint: "--colonyos-version says which one it is where the server does not tell; --skip-requirements installs all the same.",
  },
  "colony/definition-differs": {
    kind: "failed_precondition",
    title: "The colony has another definition of this kind",
    hint: "Definitions cannot be changed in place: its owner removes the old one when no blueprint of it is left.",
  },
  "colony/name-taken": {
    kind: "already_exists",
    title: "Something else in the colony has the name",
    hint: "Remove it, or choose another release name with --name.",
  },
  "release/exists": {
    kind: "already_exists",
    title: "There is a release of this name",
    hint: "Choose another name with --name, or uninstall it first.",
  },
  "release/busy": {
    kind: "aborted",
    title: "Another client is at work on the release",
    hint: "Wait for it; `cpm status` shows what it does.",
  },
  "release/taken-over": {
    kind: "aborted",
    title: "Another client took the release over",
    hint: "This one was silent for so long that it counted as dead.",
  },
  "release/name-needed": {
    kind: "invalid_argument",
    title: "The package's name cannot name a release",
    hint: "Choose one with --name, at most 48 characters.",
  },
  "release/not-found": {
    kind: "not_found",
    title: "There is no such release",
    hint: "`cpm list` lists the releases of the colony.",
  },
  "release/needed": {
    kind: "failed_precondition",
    title: "Another release needs what would go away",
    hint: "Uninstall or upgrade that release first, or give --skip-requirements to go on all the same.",
  },
  "release/wait-timeout": {
    kind: "deadline_exceeded",
    title: "The release was not done in time",
    hint: "It goes on: `cpm status` shows it, `cpm logs --follow` its output, `cpm uninstall` ends it.",
  },
  "release/interrupted": { kind: "cancelled", title: "Interrupted" },
  "release/leftovers": { kind: "unavailable", title: "Something of a release could not be removed" },
  "release/record": { kind: "data_loss", title: "A release record that cannot be read" },
} as const;

export type OperationsErrorCode = keyof typeof operationsErrors;

export function operationError(code: OperationsErrorCode, message: string, details: ErrorDetails = {}): CpmError {
  return createError(operationsErrors, code, message, details);
}
