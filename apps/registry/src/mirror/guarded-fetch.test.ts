import { describe, expect, test } from "bun:test";
import { guardedFetch } from "./guarded-fetch.ts";

describe("where an upstream may send us", () => {
  const addresses: Record<string, string> = {
    "registry.example.org": "8.8.8.8",
    "cdn.example.org": "8.8.4.4",
    "inside.example.org": "10.0.0.5",
    "near.example.org": "10.0.0.6",
  };
  const reached = async (origin: string, target: string): Promise<string> => {
    const guarded = guardedFetch(
      new URL(origin),
      async () => new Response("reached"),
      async (hostname) => [addresses[hostname] ?? hostname],
    );
    return guarded(target, {}).then(
      (response) => response.text(),
      (error: Error) => error.message,
    );
  };

  test.each([
    ["https://registry.example.org", "https://registry.example.org/v2/", true],
    ["https://registry.example.org", "https://cdn.example.org/blob", true],
    ["https://registry.example.org", "https://inside.example.org/admin", false],
    ["https://registry.example.org", "http://10.0.0.5/admin", false],
    ["https://registry.example.org", "http://[::1]:9000/", false],
    ["http://near.example.org", "http://inside.example.org/blob", true],
  ] as const)("from %s to %s: %p", async (origin, target, allowed) => {
    const { host } = new URL(target);
    const refusal = `${new URL(origin).host} leads to ${host}, which is on a private network`;
    expect(await reached(origin, target)).toBe(allowed ? "reached" : refusal);
  });
});
