import { digestHex, isDigest } from "@cpm/base";
import type { MetricFamily, MetricSource } from "@cpm/service";
import type { ScrubProgress, ScrubRecords } from "./scrub-records.ts";

/** What was read again: by this process, and as the database has it of all. */
export class ScrubMetrics implements MetricSource {
  readonly #records: ScrubRecords;
  #hashedBytes = 0;
  #unreadable = 0;

  constructor(records: ScrubRecords) {
    this.#records = records;
  }

  hashed(bytes: number): void {
    this.#hashedBytes += bytes;
  }

  unreadable(): void {
    this.#unreadable++;
  }

  async families(): Promise<readonly MetricFamily[]> {
    const [{ pass, last }, damaged] = await Promise.all([this.#records.status(), this.#records.countDamages()]);
    return [
      counter("hashed_bytes_total", "Bytes that were read again and hashed.", this.#hashedBytes),
      counter("unreadable_total", "Contents that could not be read.", this.#unreadable),
      gauge("damaged", "Blobs and manifests that are gone or damaged.", damaged),
      gauge("progress_ratio", "How much of the pass that is under way was read.", pass && progressOf(pass)),
      gauge("last_pass_timestamp_seconds", "When the last pass over everything ended.", last && last.endedAtMs / 1000),
    ];
  }
}

/** Digests are spread evenly, so where it stands among them says how much is done. Manifests take no time. */
export function progressOf({ repositoryId, digest }: ScrubProgress): number {
  if (repositoryId !== 0) return 1;
  return isDigest(digest) ? Number.parseInt(digestHex(digest).slice(0, 8), 16) / 2 ** 32 : 0;
}

function counter(name: string, help: string, value: number): MetricFamily {
  return { name: `cpm_registry_scrub_${name}`, type: "counter", help, values: [["", value]] };
}

/** Without a value where there is none. */
function gauge(name: string, help: string, value: number | undefined): MetricFamily {
  return { name: `cpm_registry_scrub_${name}`, type: "gauge", help, values: value === undefined ? [] : [["", value]] };
}
