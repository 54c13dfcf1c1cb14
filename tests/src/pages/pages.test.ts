import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { openChromium, whyNoChromium } from "./chromium.ts";
import { startExampleRegistry } from "./example-registry.ts";
import type { ExampleRegistry } from "./example-registry.ts";

const reason = whyNoChromium();
if (reason !== undefined && process.env["CI"] !== undefined) {
  test("Chromium can run in CI", () => {
    throw new Error(reason);
  });
} else if (reason !== undefined) {
  process.stderr.write(`the pages are not tested in a browser: ${reason}\n`);
}

const long = "a-very-long-name-that-goes-on-and-on-until-the-limit-is-reached0";
const paths = [
  "/?q=count&keyword=text&executor=slurm-executor&platform=linux/amd64",
  "/",
  "/?q=wordcount",
  "/?q=nothing+like+this",
  "/?page=2",
  "/packages/rise/wordcount",
  "/packages/rise/wordcount/1.1.0",
  "/packages/rise/native",
  "/packages/rise/empty",
  `/packages/${long}/${long}`,
  "/packages/lab/arabic",
  "/packages/lab/settings",
  "/packages/lab/releases",
  "/namespaces/fleet",
  "/packages/rise/missing",
];
const widths = { desktop: 1280, phone: 360 } as const;

/** Of the tests that look at every page. */
const timeoutMs = 240_000;

describe.skipIf(reason !== undefined)(`pages in Chromium${reason === undefined ? "" : `: ${reason}`}`, () => {
  let browser: Browser;
  let registry: ExampleRegistry;

  beforeAll(async () => {
    registry = await startExampleRegistry();
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await registry?.stop();
  });

  /** A page, and what went wrong on it: messages of the console, and requests that left the registry. */
  async function withPage(options: BrowserContextOptions, use: (page: Page, faults: string[]) => Promise<void>) {
    const context = await browser.newContext({ baseURL: registry.endpoint, ...options });
    try {
      const page = await context.newPage();
      const faults: string[] = [];
      page.on("console", (message) => {
        // A page that answers 404 is itself reported as an error.
        const missing = /status of 404/.test(message.text()) && message.location().url === page.url();
        if (["error", "warning"].includes(message.type()) && !missing) faults.push(message.text());
      });
      page.on("pageerror", (error) => faults.push(error.message));
      page.on("request", (request) => {
        if (!request.url().startsWith(`${registry.endpoint}/`)) faults.push(`asked for ${request.url()}`);
      });
      await use(page, faults);
      expect(faults).toEqual([]);
    } finally {
      await context.close();
    }
  }

  for (const [device, width] of Object.entries(widths)) {
    test(
      `fit the width of a ${device}, and ask no other host`,
      async () => {
        await withPage({ viewport: { width, height: 800 } }, async (page) => {
          for (const path of paths) {
            await page.goto(path);
            const found = await page.evaluate(() => document.documentElement.scrollWidth);
            expect([path, found]).toEqual([path, width]);
            expect(await page.locator("h1").count()).toBe(1);
          }
        });
      },
      timeoutMs,
    );

    for (const colorScheme of ["light", "dark"] as const) {
      test(
        `have no fault that axe finds, ${colorScheme}, on a ${device}`,
        async () => {
          await withPage({ viewport: { width, height: 800 }, colorScheme, bypassCSP: true }, async (page) => {
            for (const path of paths) {
              await page.goto(path);
              expect([path, await faultsByAxe(page)]).toEqual([path, []]);
            }
          });
        },
        timeoutMs,
      );
    }
  }

  test("lead by keyboard from a search to the install command", async () => {
    await withPage({ permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
      await page.goto("/");
      await page.keyboard.press("Tab");
      expect(await focused(page)).toBe("Skip to the content");
      await tabTo(page, "q");
      await page.keyboard.type("wordcount");
      await page.keyboard.press("Enter");
      await page.waitForURL("**/?q=wordcount");
      await tabTo(page, "rise/wordcount");
      await page.keyboard.press("Enter");
      await page.waitForURL("**/packages/rise/wordcount");
      await tabTo(page, "Copy the install command");
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle);
      expect(outline).toBe("solid");
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => document.querySelector("#status")?.textContent !== "");
      const host = new URL(registry.endpoint).host;
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`cpm install ${host}/rise/wordcount`);
    });
  });

  test("work without JavaScript", async () => {
    await withPage({ javaScriptEnabled: false }, async (page) => {
      await page.goto("/");
      await page.getByRole("searchbox").fill("wordcount");
      await page.getByRole("searchbox").press("Enter");
      await page.getByRole("link", { name: "rise/wordcount", exact: true }).click();
      expect(await page.locator(".install code").innerText()).toEndWith("/rise/wordcount");
      expect(await page.locator("button:visible").allInnerTexts()).toEqual(["Search"]);
      await page.getByRole("link", { name: "1.1.0", exact: true }).click();
      expect(await page.title()).toStartWith("rise/wordcount 1.1.0");
      await page.goto("/packages/lab/releases");
      await page.getByText("190 more versions").click();
      await page.getByRole("link", { name: "0.0.0", exact: true }).click();
      expect(page.url()).toEndWith("/packages/lab/releases/0.0.0");
      await page.goto("/?page=2");
      await page.getByRole("link", { name: "Previous" }).click();
      expect(await page.locator(".packages > li").count()).toBe(20);
    });
  });

  test("narrow a search by a form, and widen it again, without JavaScript", async () => {
    await withPage({ javaScriptEnabled: false }, async (page) => {
      await page.goto("/?q=count");
      await page.getByText("Narrow the search").click();
      await page.getByRole("textbox", { name: "Keyword" }).fill("map-reduce");
      await page.getByRole("textbox", { name: "Executor" }).fill("slurm-executor");
      await page.getByRole("button", { name: "Narrow" }).click();
      expect(await page.locator(".packages h2 a").allInnerTexts()).toEqual(["rise/wordcount"]);
      await page.getByText("Narrow the search").click();
      await page.getByRole("textbox", { name: "Platform" }).fill("linux");
      await page.getByRole("button", { name: "Narrow" }).click();
      expect(
        await page
          .getByRole("textbox", { name: "Platform" })
          .evaluate((field: HTMLInputElement) => field.validity.patternMismatch),
      ).toBe(true);
      await page.getByRole("textbox", { name: "Platform" }).fill("windows/arm64");
      await page.getByRole("button", { name: "Narrow" }).click();
      expect(await page.getByRole("heading", { level: 1 }).innerText()).toBe("Packages for count");
      for (const filter of ["Platform windows/arm64", "Keyword map-reduce"])
        await page.getByRole("link", { name: `Remove ${filter}` }).click();
      expect(page.url()).toEndWith("/?q=count&executor=slurm-executor");
      await page.getByRole("searchbox").fill("nothing of the kind");
      await page.getByRole("searchbox").press("Enter");
      expect(page.url()).toEndWith("/?q=nothing+of+the+kind&executor=slurm-executor");
    });
  });

  test("run nothing that a README brings along", async () => {
    await withPage({}, async (page) => {
      await page.goto("/packages/rise/wordcount");
      expect(await page.title()).not.toContain("owned");
      expect(await page.locator(".readme script, .readme img, .readme [onerror]").count()).toBe(0);
      const links = await page
        .locator(".readme a")
        .evaluateAll((list) => list.map((link) => link.getAttribute("href")));
      expect(links).toEqual([
        "https://example.org/colony",
        "#readme-how-it-works",
        "https://images.example.org/diagram.png",
        "https://images.example.org/track.gif",
      ]);
      await page.locator('.readme a[href="#readme-how-it-works"]').click();
      expect(await page.locator("#readme-how-it-works:target").count()).toBe(1);
    });
  });

  test("move nothing by themselves where a person asks for that", async () => {
    for (const [reducedMotion, behaviour] of [
      ["reduce", "auto"],
      ["no-preference", "smooth"],
    ] as const) {
      await withPage({ reducedMotion }, async (page) => {
        await page.goto("/");
        expect(await page.evaluate(() => getComputedStyle(document.documentElement).scrollBehavior)).toBe(behaviour);
      });
    }
  });
});

/** By its own words; rules of best practice included. */
async function faultsByAxe(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
    return violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .map((node) => node.html)
          .join(" | ")
          .slice(0, 400)}`,
    );
  });
}

/** The name of what has the focus: its label or its text, or the id of a field. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const element = document.activeElement;
    return element?.getAttribute("aria-label") ?? (element?.textContent || element?.id) ?? "";
  });
}

async function tabTo(page: Page, name: string): Promise<void> {
  for (let step = 0; step < 40; step++) {
    if ((await focused(page)) === name) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not lead to ${name}`);
}
