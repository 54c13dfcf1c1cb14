import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import type { Browser } from "playwright-core";

/** Chromium as Debian and others install it; `CPM_CHROMIUM` names another. */
const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

function findChromium(): string | undefined {
  const named = process.env["CPM_CHROMIUM"];
  return named ?? places.find((path) => existsSync(path));
}

/** Undefined when there is one. */
export function whyNoChromium(): string | undefined {
  return findChromium() === undefined ? `no Chromium at ${places.join(", ")}; CPM_CHROMIUM can name one` : undefined;
}

/** The caller closes it. Chromium's own sandbox cannot be had as root, and what it opens here is our own. */
export function openChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error(whyNoChromium());
  return chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
}
