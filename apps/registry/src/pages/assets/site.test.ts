import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const style = readFileSync(join(import.meta.dir, "site.css"), "utf8");
const blocks = [...style.matchAll(/:root \{([^}]*)\}/g)].map(([, body = ""]) =>
  Object.fromEntries(
    [...body.matchAll(/--([\w-]+): (#[0-9a-f]{3,6});/g)].map(([, name = "", value = ""]) => [name, value]),
  ),
);
const [light = {}, dark = {}] = blocks;

/** What is written on what, and how strong the contrast must be (WCAG 2.2, 1.4.3; of borders of fields, 1.4.11). */
const pairs: readonly (readonly [string, string, number])[] = [
  ...["page", "raised", "sunken"].flatMap((ground) => [
    ["text", ground, 4.5] as const,
    ["quiet", ground, 4.5] as const,
    ["accent", ground, 4.5] as const,
  ]),
  ["on-accent", "accent", 4.5],
  ["grave", "page", 4.5],
  ["grave", "grave-page", 4.5],
  ["text", "grave-page", 4.5],
  ["quiet", "grave-page", 4.5],
  ["warn", "warn-page", 4.5],
  ["text", "warn-page", 4.5],
];

describe.each([
  ["light", light],
  ["dark", { ...light, ...dark }],
])("the colours, %s", (_, colours) => {
  test.each(pairs)("%s on %s", (front, back, least) => {
    expect(contrast(colours[front] ?? "", colours[back] ?? "")).toBeGreaterThanOrEqual(least);
  });
});

test("the contrast is computed as in WCAG", () => {
  expect(contrast("#ffffff", "#000000")).toBeCloseTo(21, 5);
  expect(contrast("#777777", "#ffffff")).toBeCloseTo(4.48, 2);
  expect(() => contrast("", "#ffffff")).toThrow();
});

function contrast(front: string, back: string): number {
  const [high = 0, low = 0] = [luminance(front), luminance(back)].sort((left, right) => right - left);
  return (high + 0.05) / (low + 0.05);
}

function luminance(colour: string): number {
  if (!/^#[0-9a-f]{6}$/.test(colour)) throw new Error(`"${colour}" is no colour`);
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
