const steps = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** `1234567` → `1.2 MB`: decimal units (SI), at most one decimal. */
export function formatBytes(sizeBytes: number): string {
  let value = sizeBytes;
  let step = 0;
  while (value >= 999.95 && step < steps.length - 1) {
    value /= 1000;
    step++;
  }
  return `${step === 0 ? value : value.toFixed(1)} ${steps[step]}`;
}

/** `93_500` → `1m33s`, `1500` → `1.5s`, `40` → `40ms`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1000) return `${Math.round(durationMs)}ms`;
  if (durationMs < 60_000) return `${Math.floor(durationMs / 100) / 10}s`;
  const seconds = Math.floor(durationMs / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours > 0) return `${hours}h${String(minutes).padStart(2, "0")}m`;
  return `${minutes}m${String(seconds % 60).padStart(2, "0")}s`;
}

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `5m`, `1h30m`, `1d` → milliseconds; undefined for anything else, negative and empty included. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(ms|s|m|h|d))+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g))
    totalMs += Number(count) * (durationUnits[unit ?? ""] ?? 0);
  return Number.isSafeInteger(totalMs) ? totalMs : undefined;
}

const byteUnits: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** `700MB`, `4GiB`, `1.5GB`: decimal units, or those of two with an i. Undefined when it is not that. */
export function parseSizeBytes(text: string): number | undefined {
  const [, count = "", unit = ""] = /^(\d{1,12}(?:\.\d{1,3})?) ?([kKMGT]?i?B)$/.exec(text) ?? [];
  const sizeBytes = Math.floor(Number(count) * (byteUnits[unit] ?? Number.NaN));
  return count !== "" && Number.isSafeInteger(sizeBytes) ? sizeBytes : undefined;
}
