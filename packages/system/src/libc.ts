import { dlopen } from "bun:ffi";
import type { FFIFunction } from "bun:ffi";

const libraries: Readonly<Record<string, readonly string[]>> = {
  linux: ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`],
  darwin: ["libSystem.B.dylib"],
};

/** Functions of the C library, by their names. */
export interface LibC<S extends Readonly<Record<string, FFIFunction>>> {
  readonly symbols: ReturnType<typeof dlopen<S>>["symbols"];
}

/**
 * Opens the C library for what the runtime does not offer. Undefined where there is none that we know, as on Windows:
 * who calls says what follows from that.
 */
export function openLibC<S extends Readonly<Record<string, FFIFunction>>>(functions: S): LibC<S> | undefined {
  for (const name of libraries[process.platform] ?? []) {
    try {
      return dlopen(name, functions);
    } catch {
      // Not that library: the next name, or none.
    }
  }
  return undefined;
}
