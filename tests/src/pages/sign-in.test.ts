import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveRegistry } from "@cpm/registry";
import type { RunningRegistry } from "@cpm/registry";
import type { Browser } from "playwright-core";
import { cpmRegistry } from "../registry/command.ts";
import { openChromium, whyNoChromium } from "./chromium.ts";

const reason = whyNoChromium();
const password = "correct horse battery";

// `pages.test.ts` says why, and fails where CI has no browser.
describe.skipIf(reason !== undefined)(`signing in with Chromium${reason === undefined ? "" : `: ${reason}`}`, () => {
  const data = mkdtempSync(join(tmpdir(), "cpm-pages-"));
  let browser: Browser;
  let registry: RunningRegistry;

  beforeAll(async () => {
    for (const args of [
      ["user", "add", "anna", "--password-stdin"],
      ["namespace", "add", "shut", "--private", "--owner", "anna"],
    ]) {
      const { exitCode, stderr } = await cpmRegistry([...args, "--data", data], `${password}\n`);
      expect([exitCode, stderr]).toEqual([0, ""]);
    }
    registry = await serveRegistry({ hostname: "127.0.0.1", port: 0, dataDirectory: data });
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await registry?.stop();
    rmSync(data, { recursive: true, force: true });
  });

  test("shows what is private from then on, on every page, and lets another site change nothing", async () => {
    const context = await browser.newContext({
      baseURL: registry.endpoint,
      httpCredentials: { username: "anna", password, origin: registry.endpoint },
    });
    const page = await context.newPage();
    expect((await page.goto("/namespaces/shut"))?.status()).toBe(404);
    await page.getByRole("link", { name: "sign in", exact: true }).click();
    await page.waitForURL("**/namespaces/shut");
    expect(await page.locator("h1").innerText()).toContain("shut");
    await page.goto("/");
    expect(await page.locator(".account").innerText()).toContain("anna");
    const asked = page.waitForResponse("**/api/v1/tokens");
    await page.goto(
      `data:text/html,<form method="post" enctype="text/plain" action="${registry.endpoint}/api/v1/tokens"><input name='{"label":"' value='"}'></form><script>document.forms[0].submit()</script>`,
    );
    expect((await asked).status()).toBe(403);
    await context.close();
  });

  test("is asked again after a wrong password, and shows nothing", async () => {
    const context = await browser.newContext({
      baseURL: registry.endpoint,
      httpCredentials: { username: "anna", password: "wrong", origin: registry.endpoint },
    });
    const page = await context.newPage();
    const answer = await page.goto("/signin?to=/namespaces/shut");
    expect(answer?.status()).toBe(401);
    expect(await page.locator("h1").innerText()).toBe("Not signed in");
    await context.close();
  });
});
