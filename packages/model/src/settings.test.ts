import { expect, test } from "bun:test";
import { isCpmError } from "@cpm/base";
import { formatRegistryAddress, parseSettings, readRegistryAddress } from "./settings.ts";

const read = (text: string) => parseSettings({ path: "cpm.config.yaml", text });

function faultsOf(text: string): string[] {
  try {
    read(text);
  } catch (error) {
    if (!isCpmError(error, "settings/invalid")) throw error;
    return (error.diagnostics ?? [])
      .map((fault) => `${fault.location?.line}: ${fault.message} ${fault.hint ?? ""}`)
      .toSorted();
  }
  throw new Error("the settings were accepted");
}

test("a settings file is read with the types of its values", () => {
  expect(read("registry: http://localhost:5000\ncolony: dev\nserver: https://colony.example.org")).toEqual({
    registry: { host: "localhost:5000", plainHttp: true },
    colony: "dev",
    server: "https://colony.example.org",
  });
  expect(read("")).toEqual({});
  expect(read("# nothing yet\n")).toEqual({});
});

test("unknown keys and wrong values are told with their line, all at once", () => {
  const faults = faultsOf("registy: x\ncolony: a:b\nserver: ftp://x\n");
  expect(faults).toHaveLength(3);
  expect(faults[0]).toContain('1: unknown key "registy"');
  expect(faults[0]).toContain('"registry"');
  expect(faults[1]).toStartWith("2: ");
  expect(faults[2]).toStartWith("3: ");
});

test("a registry's address is read and written back", () => {
  for (const text of ["localhost:5000", "http://localhost:5000", "https://r.example.org", "[::1]:5000"]) {
    const address = readRegistryAddress(text);
    if (address === undefined) throw new Error(`${text} was refused`);
    expect(formatRegistryAddress(address)).toBe(text);
  }
  for (const text of ["", "ftp://x", "a/b", "host:99999", "host:", "http://"]) {
    expect(readRegistryAddress(text)).toBeUndefined();
  }
});
