import type { JsonObject } from "@cpm/base";
import { formatBytes } from "@cpm/base";
import type { ExecutorRequirement, Manifest, Range } from "@cpm/model";
import type { DependencyView, PackageVariant } from "@cpm/operations";
import type { ListedVersion } from "@cpm/registry-client";
import { defineCommand, registryOptions } from "../command.ts";
import { readGivenSource } from "../given-source.ts";
import type { Output } from "../output/output.ts";
import { currentPlatform } from "../platform.ts";
import { bundleOptions } from "../resolution-options.ts";
import { version } from "../version.ts";
import { withSession } from "../with-session.ts";

export const info = defineCommand({
  name: "info",
  summary: "Show a package",
  description:
    "Its description, inputs, requirements and versions, and what each of its dependencies resolves to now. Of a directory or a .cpm file: what publishing it would show.",
  arguments: [{ name: "package", description: "a reference, a directory or a .cpm file", complete: "files" }],
  options: { ...registryOptions, ...bundleOptions, readme: { type: "boolean", description: "Show the README too." } },
  examples: [
    { line: "cpm info rise/wordcount", description: "The newest version, and which others there are." },
    { line: "cpm info rise/wordcount@1.0.0 --readme", description: "One version with its README." },
  ],
  async run(invocation) {
    const { args, options, context, output } = invocation;
    const operations = await import("@cpm/operations");
    const { compareVersions, formatManifest } = await import("@cpm/model");
    return withSession(
      invocation,
      async (session) => {
        const source = await readGivenSource(args[0] ?? "", context);
        const located = await operations.locatePackage(source, session.access());
        const variant = await operations.readLocatedPackage(located, undefined, context.signal);
        const { manifest, readme, root, layers } = variant;
        const { registry } = located;
        const access = session.access();
        const listed = registry === undefined ? [] : ((await access.metadata.versions(registry, manifest.name)) ?? []);
        const versions = listed.toSorted((left, right) => compareVersions(right.version, left.version));
        const shown = versions.find(({ digest }) => digest === root.digest);
        const view = await operations.dependencyView(manifest, registry, access, {
          cpmVersion: version,
          platform: currentPlatform(),
        });
        const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);
        const document: JsonObject = {
          manifest: formatManifest(manifest),
          digest: root.digest,
          sizeBytes,
          ...(registry === undefined ? {} : { registry }),
          versions: versions.map(formatVersion),
          dependencies: view.dependencies.map((entry) => ({ ...entry })),
          ...(view.problem === undefined ? {} : { unresolved: view.problem }),
          ...(options.readme === true && readme !== undefined ? { readme } : {}),
        };
        const facts = [
          ["digest", root.digest],
          ["size", formatBytes(sizeBytes)],
          ["versions", versions.map((entry) => `${entry.version.text}${entry.yanked ? " (yanked)" : ""}`).join(", ")],
        ] as const;
        output.data(document, () => formatInfo(variant, shown, facts, view, output, options.readme === true));
        return 0;
      },
      { from: options.from },
    );
  },
});

function formatVersion({ version: { text }, digest, publishedAtMs, yanked, yankReason, deprecated }: ListedVersion) {
  return {
    version: text,
    digest,
    ...(publishedAtMs === undefined ? {} : { publishedAt: new Date(publishedAtMs).toISOString() }),
    ...(yanked ? { yanked: yankReason ?? true } : {}),
    ...(deprecated === undefined ? {} : { deprecated: { ...deprecated } }),
  };
}

function formatInfo(
  { manifest, readme }: PackageVariant,
  listed: ListedVersion | undefined,
  facts: readonly (readonly [string, string])[],
  view: DependencyView,
  output: Output,
  withReadme: boolean,
): string {
  const { bold, yellow } = output.style;
  const executors = manifest.requires.executors.map((entry) => describeNeeds(entry));
  const ranges = (all: Readonly<Record<string, Range>>) =>
    Object.entries(all).map(([name, range]) => `${name} ${range.text}`);
  const rows = [
    ["license", manifest.license ?? ""],
    ["keywords", manifest.keywords.join(", ")],
    ["repository", manifest.repository ?? ""],
    ["executors", executors.join(", ")],
    ["releases", ranges(manifest.requires.releases).join(", ")],
    ["absent", ranges(manifest.requires.absent).join(", ")],
    ["instances", manifest.multiInstance ? "several in one release" : ""],
    ...facts,
  ].filter(([, value]) => value !== "");
  const inputs = manifest.inputs.map((input) => [
    input.key,
    input.type,
    input.default === undefined ? (input.required ? "required" : "") : JSON.stringify(plain(input.default)),
    input.description ?? input.label ?? "",
  ]);
  const columns = [{ title: "INPUT" }, { title: "TYPE" }, { title: "DEFAULT" }, { title: "MEANING", flexible: true }];
  return [
    bold(`${manifest.name}@${manifest.version.text}`),
    ...(manifest.description === "" ? [] : [manifest.description]),
    ...withdrawalLines(manifest, listed).map(yellow),
    "",
    ...rows.map(([label = "", value = ""]) => `${label.padEnd(11)} ${value}`),
    ...(inputs.length === 0 ? [] : ["", output.table(columns, inputs)]),
    ...(view.dependencies.length === 0 ? [] : ["", formatDependencies(view, output)]),
    ...(withReadme && readme !== undefined ? ["", readme.trimEnd()] : []),
  ].join("\n");
}

/** What its registry says against it; of files here, what they say themselves. */
function withdrawalLines({ deprecated: own }: Manifest, listed: ListedVersion | undefined): readonly string[] {
  const deprecated = listed?.deprecated ?? (own === undefined ? undefined : { message: own });
  const instead = deprecated?.successor === undefined ? "" : ` Use ${deprecated.successor} in its place.`;
  return [
    ...(listed?.yanked === true ? [`yanked: ${listed.yankReason ?? "no reason given"}`] : []),
    ...(deprecated === undefined ? [] : [`deprecated: ${deprecated.message}${instead}`]),
  ];
}

function formatDependencies({ dependencies, problem }: DependencyView, output: Output): string {
  const columns = [{ title: "NEEDS" }, { title: "RANGE" }, { title: "AS" }, { title: "WHEN" }, { title: "NOW" }];
  const used = columns.filter(({ title }) =>
    title === "AS"
      ? dependencies.some(({ alias }) => alias !== undefined)
      : title !== "WHEN" || dependencies.some(({ when }) => when !== undefined),
  );
  const rows = dependencies.map(({ name, range, alias = "", when = "", resolved }) => {
    const cells: Readonly<Record<string, string>> = {
      NEEDS: name,
      RANGE: range,
      AS: alias,
      WHEN: when,
      NOW: resolved?.version ?? "-",
    };
    return used.map(({ title }) => cells[title] ?? "");
  });
  const table = output.table(used, rows);
  return problem === undefined ? table : `${table}\n${output.style.yellow(`not resolved: ${problem.message}`)}`;
}

function describeNeeds({ type, arch, gpu, memory }: ExecutorRequirement): string {
  const gpus = gpu === undefined ? [] : [`${gpu.count} GPU${gpu.count === 1 ? "" : "s"}`];
  const all = [...arch, ...gpus, ...(memory === undefined ? [] : [memory])];
  return all.length === 0 ? type : `${type} (${all.join(", ")})`;
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, part: unknown) => (typeof part === "bigint" ? Number(part) : part)));
}
