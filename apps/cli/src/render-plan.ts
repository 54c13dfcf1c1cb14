import { formatBytes } from "@cpm/base";
import type { InstallPlan, PlannedPackage, PlannedPlacement, WorkResult } from "@cpm/operations";
import type { Output } from "./output/output.ts";

/** A plan as people read it. */
export function formatPlan(plan: InstallPlan, output: Output): string {
  const { bold, dim, green, red, yellow } = output.style;
  const marks = { met: green("✓"), missing: red("✗"), unchecked: yellow("?") } as const;
  const packages = plan.packages.map((entry) => [
    `${labelOf(entry)}@${entry.version}`,
    describeFiles(entry, plan.placement),
    entry.path,
  ]);
  const resources = plan.resources.map(({ kind, name, object, package: from, instance }) => [
    kind,
    name,
    object ?? "",
    labelOf({ name: from, instance }),
  ]);
  const inputs = plan.packages.flatMap((entry) =>
    Object.entries(entry.inputs).map(([key, value]) => [key, JSON.stringify(value), labelOf(entry)]),
  );
  return [
    `${bold(plan.release)} revision ${plan.revision} in ${plan.colony}`,
    ...(plan.recovers === undefined ? [] : [yellow(`takes over what revision ${plan.recovers} left`)]),
    "",
    output.table([{ title: "PACKAGE" }, { title: "FILES" }, { title: "PLACE", flexible: true }], packages),
    ...formatNodes(plan.placement, output),
    ...(inputs.length === 0
      ? []
      : ["", output.table([{ title: "INPUT" }, { title: "VALUE", flexible: true }, { title: "PACKAGE" }], inputs)]),
    "",
    output.table([{ title: "CREATES" }, { title: "NAME" }, { title: "IN THE COLONY" }, { title: "FROM" }], resources),
    ...(plan.requirements.length === 0 ? [] : ["", "NEEDS"]),
    ...plan.requirements.map(({ what, result, detail }) => `${marks[result]} ${what} ${dim(detail)}`),
  ].join("\n");
}

/** What agents are not asked for has no files of its own, or is not to be placed. */
function describeFiles(
  { name, version, placed, sizeBytes }: PlannedPackage,
  { mode, nodes }: PlannedPlacement,
): string {
  const label = `${name}@${version}`;
  const asked = nodes.some(({ present, fetch }) => present.includes(label) || fetch.includes(label));
  if (mode !== "here" && !asked) return "not placed";
  return placed ? "in place" : `${formatBytes(sizeBytes)} to fetch`;
}

/** Nothing where files go to this machine because there is no agent. */
function formatNodes(placement: PlannedPlacement, output: Output): readonly string[] {
  const { mode, selector, nodes } = placement;
  const which = selector === undefined ? mode : `${mode}, ${selector}`;
  const columns = [{ title: `NODE (${which})` }, { title: "PLATFORM" }, { title: "HAS" }, { title: "FETCHES" }];
  const rows = nodes.map(({ name, platform, present, fetch }) => [name, platform, present.join(" "), fetch.join(" ")]);
  const table = nodes.length > 0 ? [output.table(columns, rows)] : mode === "here" ? [] : ["nothing is placed"];
  const lines = [...table, ...placementNotes(placement).map((text) => output.style.yellow(text))];
  return lines.length === 0 ? [] : ["", ...lines];
}

/** What is worth knowing of where files go, and is not what was asked for. */
export function placementNotes({ leftOut, why }: PlannedPlacement): readonly string[] {
  return [
    ...(why === undefined ? [] : [`the files go to this machine only: ${why}`]),
    ...leftOut.map((node) => `${node.name} is left out: ${node.why}`),
  ];
}

/** `rise/text-tools:english` for an instance of a package that is there several times. */
export function labelOf({ name, instance }: { readonly name: string; readonly instance?: string | undefined }): string {
  return instance === undefined ? name : `${name}:${instance}`;
}

/** What the work of a release came to: the outputs of its last nodes, or why it failed. */
export function formatResults(results: readonly WorkResult[], output: Output): string {
  const { red, green } = output.style;
  return results
    .filter((result) => result.leaf || result.state !== "success")
    .map(({ resource, node, state, output: values, errors }) => {
      const mark = state === "success" ? green("✓") : red("✗");
      const head = `${mark} ${resource}${node === "" ? "" : ` ${node}`}: ${state}`;
      const body = state === "success" ? values.map((value) => formatValue(value)) : errors;
      return [head, ...body.flatMap((text) => text.split("\n")).map((line) => `    ${line}`)].join("\n");
    })
    .join("\n");
}

function formatValue(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value, bigintAsText, 2);
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
