import { Refusal } from "./refusal.ts";

/** Millicores. What does not end in `m` counts as none, as on the server. */
export function parseCpu(text: string): number {
  if (!text.endsWith("m")) return 0;
  const digits = text.slice(0, -1);
  if (!/^[+-]?\d+$/.test(digits)) throw new Refusal(400, "Error converting CPU to int");
  return Number(digits);
}

const unitBytes: readonly (readonly [suffix: string, bytes: number])[] = [
  ["KiB", 1024],
  ["Ki", 1024],
  ["MiB", 1024 ** 2],
  ["Mi", 1024 ** 2],
  ["GiB", 1024 ** 3],
  ["Gi", 1024 ** 3],
  ["TiB", 1024 ** 4],
  ["Gb", 1000 ** 3],
  ["K", 1000],
  ["M", 1000 ** 2],
  ["G", 1000 ** 3],
];

/** Whole mebibytes. The server takes only these units. */
export function parseMemory(text: string): number {
  if (text === "") return 0;
  for (const [suffix, bytes] of unitBytes) {
    if (!text.endsWith(suffix)) continue;
    const digits = text.slice(0, -suffix.length);
    if (/^[+-]?\d+$/.test(digits)) return Math.floor((Number(digits) * bytes) / 1024 ** 2);
  }
  throw new Refusal(400, `error converting memory to int: strconv.ParseInt: parsing "${text}": invalid syntax`);
}
