import { formatBytes, shortDigest } from "@cpm/base";
import type { BundleSummary, CreatedBundle, VerifiedBundle } from "@cpm/operations";
import type { Output } from "../output/output.ts";

export function formatCreated(created: CreatedBundle, files: readonly string[]): string {
  const { id, packages, contents, sizeBytes, needs } = created;
  const [first = ""] = files;
  return [
    `${counted(packages, "package")} in ${files.length === 1 ? first : counted(files.length, "part")} (${formatBytes(sizeBytes)}, ${counted(contents, "content")})`,
    `  bundle  ${id}`,
    ...(files.length === 1 ? [] : files.map((file) => `  part    ${file}`)),
    ...needs.map((needed) => `  needs   ${needed}`),
  ].join("\n");
}

export function formatSummary(summary: BundleSummary, output: Output): string {
  const { path, id, sizeBytes, parts, platforms, packages, needs } = summary;
  const rows = packages.map((entry) => [
    entry.name,
    entry.version,
    entry.registry,
    entry.platforms.length === 0 ? "all" : entry.platforms.join(", "),
    formatBytes(entry.heldBytes),
    String(entry.evidence),
    shortDigest(entry.digest),
  ]);
  const columns = ["PACKAGE", "VERSION", "REGISTRY", "PLATFORMS", "HELD", "SIGNED", "DIGEST"];
  return [
    `${path} (${formatBytes(sizeBytes)})`,
    `  bundle     ${id}`,
    ...parts.map((part) => `  part       ${part}`),
    ...(platforms === undefined ? [] : [`  platforms  ${platforms.join(", ")} only`]),
    ...needs.map(
      (needed) =>
        `  needs      ${counted(needed.contents, "content")} (${formatBytes(needed.sizeBytes)}) of ${needed.bundle}`,
    ),
    output.table(
      columns.map((title) => ({ title })),
      rows,
    ),
  ].join("\n");
}

export function formatVerified({ path, packages, evidence, hashedBytes }: VerifiedBundle): string {
  return `${path} is whole: ${counted(packages, "package")}, ${counted(evidence, "signature")}, ${formatBytes(hashedBytes)} hashed`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
