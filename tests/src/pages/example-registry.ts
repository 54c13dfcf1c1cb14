import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeUtf8 } from "@cpm/base";
import { formatManifest, mediaTypes } from "@cpm/oci";
import type { OciIndex, OciManifest } from "@cpm/oci";
import { serveRegistry } from "@cpm/registry";
import { packageArtifact } from "@cpm/registry/testing";
import type { PackageSourceFiles } from "@cpm/registry/testing";
import { digestOf } from "@cpm/store";

export interface ExampleRegistry {
  readonly endpoint: string;
  readonly stop: () => Promise<void>;
}

/** A registry with packages of every kind that a page could stumble over. */
export async function startExampleRegistry(): Promise<ExampleRegistry> {
  const dataDirectory = mkdtempSync(join(tmpdir(), "cpm-pages-"));
  let nowMs = Date.parse("2026-01-01T10:00:00Z");
  const running = await serveRegistry({
    hostname: "127.0.0.1",
    port: 0,
    dataDirectory,
    access: "open",
    // Slowly enough that nothing of a package is old before the whole of it is there.
    now: () => (nowMs += 1000),
  });
  for (const files of examples()) await publish(running.endpoint, files);
  await publishPlatforms(running.endpoint);
  await withdraw(running.endpoint, "rise/wordcount/versions/1.1.0/yank", { reason: yankReason });
  await withdraw(running.endpoint, "rise/empty/deprecation", {
    message: "Never did anything, and is not going to.",
    successor: "rise/text-tools",
  });
  return {
    endpoint: running.endpoint,
    async stop() {
      await running.stop();
      rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
}

function examples(): readonly PackageSourceFiles[] {
  const longPart = "a-very-long-name-that-goes-on-and-on-until-the-limit-is-reached0";
  return [
    { name: "rise/wordcount", version: "1.1.0", description: "Count words." },
    {
      name: "rise/wordcount",
      version: "1.2.0",
      description: "Count words in text files, in parallel, on every executor that a colony has to spare.",
      keywords: ["text", "map-reduce", "batch"],
      readme: wordcountReadme,
      fields: wordcountFields,
    },
    { name: "rise/text-tools", version: "2.1.4", description: "Split, join and normalise text.", keywords: ["text"] },
    { name: "rise/empty", version: "0.1.0", description: "" },
    {
      name: `${longPart}/${longPart}`,
      version: "1.0.0-alpha.very-long-prerelease.20260101+build.1234567890abcdef1234567890abcdef",
      description: `One word: ${"x".repeat(300)}`,
      readme: `# ${"y".repeat(200)}\n\n${"z".repeat(500)}\n\n\`${"c".repeat(200)}\`\n\n| ${"wide | ".repeat(20)}\n|${"---|".repeat(20)}\n| ${"cell | ".repeat(20)}\n`,
    },
    {
      name: "lab/arabic",
      version: "1.0.0",
      description: "حزمة لحساب الكلمات في الملفات النصية على التوازي.",
      readme: "# عدد الكلمات\n\nهذه الحزمة تحسب الكلمات. شغّل `cpm install lab/arabic` ثم انتظر.\n\n- واحد\n- اثنان\n",
    },
    { name: "lab/settings", version: "1.0.0", description: "Takes sixty inputs.", fields: sixtyInputs() },
    ...Array.from({ length: 200 }, (_, index) => ({
      name: "lab/releases",
      version: `${Math.floor(index / 20)}.${index % 20}.0`,
      description: "Released two hundred times.",
    })),
    ...Array.from({ length: 30 }, (_, index) => ({
      name: `fleet/sensor-${String(index).padStart(2, "0")}`,
      version: "1.0.0",
      description: "Reads a sensor and reports to the colony.",
      keywords: ["sensor"],
    })),
  ];
}

const yankReason = "Loses the last line of files that do not end with a line break; 1.2.0 counts it.";

const wordcountReadme = `# Wordcount

Counts words in **text files**: each file is a shard, [the colony](https://example.org/colony) does the rest. See [how](#how-it-works),
or ![a diagram](https://images.example.org/diagram.png).

<script>document.title = "owned"</script>
<img src="https://images.example.org/track.gif" onerror="document.title = 'owned'">

[click](javascript:document.title='owned')

## How it works

1. A function splits the input.
2. Every executor counts its part.

\`\`\`sh
cpm install rise/wordcount --set shards=8 --set mode=exact --set message='a line that is so long that it has to scroll sideways on a phone'
\`\`\`

| mode | time | exact |
|:-----|-----:|:-----:|
| fast | 1 s  | no    |
| exact | 9 s | yes   |

> Quoted from the manual.
`;

const wordcountFields = `license: Apache-2.0
maintainers:
  - {name: Anna Andersson, email: anna@example.org, url: "https://example.org/anna"}
  - {name: Otto}
repository: https://example.org/rise/wordcount
homepage: http://example.org/insecure
deprecated: Use rise/text-tools, which does this and more.
requires:
  colonyos: ">=1.9.12"
  executors:
    - {type: container-executor, arch: [amd64, arm64]}
    - {type: slurm-executor, memory: 16Gi, gpu: {name: nvidia_a100, count: 2, memory: 40Gi}}
  releases: {rise/text-tools: ">=2"}
inputs:
  - {key: shards, label: Shards, type: int, default: 4, min: 1, max: 64, description: How many mappers run at once.}
  - {key: mode, type: select, options: [fast, exact], default: fast, description: Whether to sample.}
  - {key: source, type: string, pattern: "^/data/.*$", maxLength: 200, description: The folder to read.}
  - {key: token, type: secret, required: false, description: For storage that asks for one.}
  - {key: tags, type: list, default: [a, b], maxItems: 8}
dependencies:
  rise/text-tools: {version: ^2.1.0, alias: tools}
  rise/not-here: ">=1 <3"
  rise/native: {version: ^3, when: "\${inputs.mode == 'exact' && inputs.shards > 16}"}
  rise/words:
    - {version: ^2, alias: english, with: {lang: en, folder: "\${inputs.source}"}}
    - {version: ^2, alias: swedish, with: {lang: sv}}
`;

function sixtyInputs(): string {
  const inputs = Array.from(
    { length: 60 },
    (_, index) =>
      `  - {key: setting_${index}, type: string, default: "${"v".repeat(index * 3)}", description: Setting number ${index}.}`,
  );
  return `inputs:\n${inputs.join("\n")}\n`;
}

async function publish(endpoint: string, files: PackageSourceFiles): Promise<void> {
  const { manifest } = await push(endpoint, files);
  await put(endpoint, files.name, manifest, files.version.replace("+", "_"));
}

async function push(endpoint: string, files: PackageSourceFiles): ReturnType<typeof packageArtifact> {
  const artifact = await packageArtifact(files);
  for (const [digest, body] of artifact.blobs) {
    const answer = await fetch(`${endpoint}/v2/${files.name}/blobs/uploads/?digest=${digest}`, {
      method: "POST",
      body,
    });
    if (answer.status !== 201) throw new Error(`a blob was answered with ${answer.status}: ${await answer.text()}`);
  }
  return artifact;
}

async function put(endpoint: string, name: string, manifest: OciManifest | OciIndex, reference: string) {
  const body = formatManifest(manifest);
  const headers = { "content-type": manifest.mediaType };
  const answer = await fetch(`${endpoint}/v2/${name}/manifests/${reference}`, { method: "PUT", headers, body });
  if (answer.status !== 201) throw new Error(`a manifest was answered with ${answer.status}: ${await answer.text()}`);
  return { mediaType: manifest.mediaType, digest: digestOf(body), sizeBytes: body.length };
}

/** One version for two platforms, as an index. */
async function publishPlatforms(endpoint: string): Promise<void> {
  const name = "rise/native";
  const manifests = [];
  for (const architecture of ["amd64", "arm64"]) {
    const files = {
      name,
      version: "3.0.0",
      description: "Has a program for each platform.",
      payload: { [`bin/run-${architecture}`]: encodeUtf8(architecture.repeat(5000)) },
      platform: `linux/${architecture}`,
    };
    const { manifest } = await push(endpoint, files);
    const descriptor = await put(endpoint, name, manifest, digestOf(formatManifest(manifest)));
    manifests.push({ ...descriptor, platform: { os: "linux", architecture } });
  }
  const artifactType = "application/vnd.colonyos.cpm.package.v1";
  await put(endpoint, name, { kind: "index", mediaType: mediaTypes.index, artifactType, manifests }, "3.0.0");
}

async function withdraw(endpoint: string, path: string, body: Readonly<Record<string, string>>): Promise<void> {
  const answer = await fetch(`${endpoint}/api/v1/packages/${path}`, { method: "PUT", body: JSON.stringify(body) });
  if (answer.status !== 200) throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`);
}
