import { concatBytes, encodeUtf8 } from "@cpm/base";
import type { ArchiveErrorCode } from "../errors.ts";
import type { TarEntry } from "../tar-entry.ts";
import { tarPaddingBytes } from "../tar-entry.ts";
import { encodeTarHeader } from "../tar-header.ts";

/** What must happen: refusal with this code, or harmless acceptance for the reason given. */
export type Expectation = { readonly code: ArchiveErrorCode } | { readonly contained: string };

/** One archive that somebody could send. `id` counts as in the list of known attacks; several share one. */
export interface HostileArchive {
  readonly id: number;
  readonly name: string;
  readonly build: () => Uint8Array;
  readonly expect: Expectation;
}

const end = new Uint8Array(1024);

/** The cases at the level of tar, as recipes over our own writer's bytes. */
export const hostileArchives: readonly HostileArchive[] = [
  ...pathCases(),
  ...linkCases(),
  ...typeCases(),
  ...collisionCases(),
  ...headerCases(),
  ...structureCases(),
];

function pathCases(): HostileArchive[] {
  const named = (id: number, path: string, code: ArchiveErrorCode): HostileArchive =>
    refused(id, JSON.stringify(path.slice(0, 40)), () => archive(file(path)), code);
  return [
    named(1, "../x", "archive/path-escape"),
    refused(2, "a/../../x", () => archive(directory("a"), file("a/../../x")), "archive/path-escape"),
    named(3, "/x", "archive/path-absolute"),
    named(4, "//x", "archive/path-absolute"),
    named(4, "/./x", "archive/path-absolute"),
    named(4, "a//x", "archive/path-component"),
    named(5, "C:x", "archive/path-drive"),
    named(5, "C:\\x", "archive/path-backslash"),
    named(5, "\\\\host\\share", "archive/path-backslash"),
    refused(6, "empty name", () => archive(raw({ name: "" })), "archive/path-empty"),
    named(6, ".", "archive/path-component"),
    refused(6, "./", () => archive(raw({ name: "./", type: "5", mode: "0000755" })), "archive/path-component"),
    refused(7, "NUL in a PAX path", () => archive(pax("path", "ok\0/../../evil"), file("ok")), "archive/path-nul"),
    named(8, "a".repeat(256), "archive/path-too-long"),
    named(9, `${"a/".repeat(600)}a`, "archive/path-too-long"),
    named(9, `${"a/".repeat(70)}a`, "archive/path-too-deep"),
    refused(10, "invalid UTF-8", () => archive(raw({ nameBytes: Uint8Array.of(0x61, 0xff) })), "archive/path-encoding"),
    refused(
      10,
      "overlong UTF-8",
      () => archive(raw({ nameBytes: Uint8Array.of(0xc0, 0xae) })),
      "archive/path-encoding",
    ),
    named(11, "a\nb", "archive/path-control"),
    named(11, "\u001b[2Jx", "archive/path-control"),
    named(11, "x\u202etxt.exe", "archive/path-control"),
    named(11, "a\u200bb", "archive/path-control"),
    contained(
      12,
      "leading dash",
      () => archive(file("-rf")),
      "a name beginning with a dash is only a name: nothing passes it to a command line",
    ),
    named(13, "x.", "archive/path-reserved"),
    named(13, "x ", "archive/path-reserved"),
    named(13, "CON", "archive/path-reserved"),
    named(13, "nul.txt", "archive/path-reserved"),
    named(13, "PROGRA~1", "archive/path-reserved"),
    named(13, "a:b", "archive/path-drive"),
    named(13, "ab:stream", "archive/path-reserved"),
    named(14, ".wh.x", "archive/path-whiteout"),
    named(14, ".wh..wh..opq", "archive/path-whiteout"),
    refused(15, "name and ustar prefix", () => archive(raw({ name: "x", prefix: ".." })), "archive/prefix"),
    refused(16, "trailing slash on a file", () => archive(raw({ name: "x/" })), "archive/path-slash"),
    refused(
      16,
      "directory without its slash",
      () => archive(raw({ name: "x", type: "5", mode: "0000755" })),
      "archive/path-slash",
    ),
  ];
}

function linkCases(): HostileArchive[] {
  const link = (path: string, target: string) => header({ path, type: "symlink", linkTarget: target });
  const hardlink = (name: string, target: string) => raw({ name, type: "1", linkName: target });
  return [
    refused(17, "absolute symlink", () => archive(link("x", "/etc/passwd")), "archive/link-absolute"),
    refused(18, "symlink out of the tree", () => archive(link("x", "../x")), "archive/link-escape"),
    refused(
      18,
      "symlink out and in again",
      () => archive(directory("a"), link("a/x", "../../root/a")),
      "archive/link-escape",
    ),
    refused(19, "file through a symlink", () => archive(directory("d"), link("l", "d"), file("l/x")), "archive/parent"),
    refused(
      20,
      "directory, then a symlink of its name",
      () => archive(directory("d"), link("d", "e")),
      "archive/duplicate",
    ),
    refused(
      21,
      "symlink chain that climbs",
      () => archive(directory("a"), link("a/b", ".."), link("a/c", "b/../x")),
      "archive/link-dangling",
    ),
    refused(
      21,
      "chain to a hard link",
      () => archive(directory("a"), link("a/b", "."), hardlink("c", "a/b/x")),
      "archive/link-target",
    ),
    refused(22, "hard link, absolute", () => archive(hardlink("x", "/etc/passwd")), "archive/hardlink"),
    refused(23, "hard link, ..", () => archive(hardlink("x", "../../x")), "archive/hardlink"),
    refused(24, "hard link to itself", () => archive(hardlink("x", "x")), "archive/hardlink"),
    refused(25, "hard link to a symlink", () => archive(link("a", "b"), hardlink("c", "a")), "archive/hardlink"),
    refused(
      26,
      "hard link, then a second write",
      () => archive(file("a"), hardlink("b", "a"), file("b")),
      "archive/hardlink",
    ),
    refused(27, "symlink loop", () => archive(link("a", "b"), link("b", "a")), "archive/link-loop"),
    refused(27, "symlink to itself", () => archive(link("a", "a")), "archive/link-loop"),
    refused(
      28,
      "symlink without a target",
      () => archive(raw({ name: "x", type: "2", mode: "0000777" })),
      "archive/link-empty",
    ),
    refused(
      28,
      "symlink with a target of 4 KB",
      () => archive(paxes([["linkpath", "a".repeat(3900)]]), raw({ name: "x", type: "2", mode: "0000777" })),
      "archive/link-too-long",
    ),
    refused(
      29,
      "PAX linkpath over a safe target",
      () => archive(file("a"), pax("linkpath", "/etc/passwd"), link("x", "a")),
      "archive/link-absolute",
    ),
    refused(
      30,
      "target longer than PATH_MAX through directories",
      () => archive(directory("a"), link("b", `${"a/../".repeat(250)}a`)),
      "archive/link-too-long",
    ),
    refused(30, "dangling symlink", () => archive(link("x", "y")), "archive/link-dangling"),
    contained(
      30,
      "a chain of symlinks within the tree",
      () => archive(file("lib.so.1.2", "x"), link("lib.so.1.3", "lib.so.1.2"), link("lib.so.2", "lib.so.1.3")),
      "libraries are installed so; every step is checked",
    ),
  ];
}

function typeCases(): HostileArchive[] {
  const typed = (id: number, type: string, code: ArchiveErrorCode) =>
    refused(id, `type ${type}`, () => archive(raw({ name: "x", type })), code);
  const record = (id: number, key: string, value: string, code: ArchiveErrorCode) =>
    refused(id, key, () => archive(pax(key, value), file("x")), code);
  return [
    typed(31, "3", "archive/special-file"),
    typed(31, "4", "archive/special-file"),
    typed(32, "6", "archive/special-file"),
    typed(33, "Z", "archive/unknown-type"),
    typed(34, "7", "archive/unknown-type"),
    typed(34, "V", "archive/unknown-type"),
    typed(34, "M", "archive/unknown-type"),
    typed(34, "D", "archive/unknown-type"),
    typed(34, "\0", "archive/unknown-type"),
    refused(35, "setuid", () => archive(raw({ name: "x", mode: "0004755" })), "archive/mode"),
    refused(35, "setgid", () => archive(raw({ name: "x", mode: "0002755" })), "archive/mode"),
    refused(35, "sticky directory", () => archive(raw({ name: "x/", type: "5", mode: "0001777" })), "archive/mode"),
    refused(
      36,
      "directory of mode 000",
      () => archive(raw({ name: "x/", type: "5", mode: "0000000" }), file("x/y")),
      "archive/mode",
    ),
    refused(37, "owner", () => archive(raw({ name: "x", uid: "7777777" })), "archive/ownership"),
    refused(37, "negative owner", () => archive(raw({ name: "x", uid: "\u0080\0\0\0\0\0\0" })), "archive/ownership"),
    refused(37, "user name", () => archive(raw({ name: "x", owner: "root" })), "archive/ownership"),
    record(38, "SCHILY.xattr.security.capability", "x", "archive/extended-attributes"),
    record(38, "SCHILY.xattr.trusted.overlay.opaque", "y", "archive/extended-attributes"),
    record(39, "SCHILY.acl.access", "user::rwx", "archive/extended-attributes"),
  ];
}

function collisionCases(): HostileArchive[] {
  const pair = (id: number, left: string, right: string, code: ArchiveErrorCode) =>
    refused(id, `${left} and ${right}`, () => archive(file(left), file(right)), code);
  return [
    pair(40, "a", "a", "archive/duplicate"),
    refused(40, "a, b, a", () => archive(file("a"), file("b"), file("a")), "archive/duplicate"),
    refused(41, "file, then a directory of its name", () => archive(file("a"), directory("a")), "archive/duplicate"),
    refused(41, "directory, then a file of its name", () => archive(directory("a"), file("a")), "archive/duplicate"),
    refused(41, "file under a file", () => archive(file("a"), file("a/b")), "archive/parent"),
    refused(41, "implied directory", () => archive(file("a/b")), "archive/parent"),
    pair(42, "Lib", "lib", "archive/collision"),
    refused(43, "NFC and NFD", () => archive(file("e\u0301"), file("\u00e9")), "archive/path-normalization"),
    pair(44, "STRASSE", "stra\u00dfe", "archive/collision"),
    pair(44, "fi", "\ufb01", "archive/collision"),
    pair(44, "s", "\u017f", "archive/collision"),
    refused(44, "Kelvin sign", () => archive(file("k"), file("\u212a")), "archive/path-normalization"),
    refused(45, "a and a/", () => archive(file("a"), directory("a")), "archive/duplicate"),
    refused(
      46,
      "a PAX path that repeats a name",
      () => archive(file("a"), pax("path", "a"), file("b")),
      "archive/duplicate",
    ),
    pair(46, "b", "a", "archive/order"),
  ];
}

function headerCases(): HostileArchive[] {
  const record = (id: number, name: string, body: string, code: ArchiveErrorCode) =>
    refused(id, name, () => archive(paxBody(encodeUtf8(body)), file("x")), code);
  const sized = (id: number, name: string, value: string, code: ArchiveErrorCode) =>
    refused(id, name, () => archive(pax("size", value), file("x")), code);
  const field = (id: number, name: string, options: RawHeader, code: ArchiveErrorCode) =>
    refused(id, name, () => archive(raw({ name: "x", ...options })), code);
  return [
    sized(47, "PAX size against ustar size 0", "512", "archive/pax-needless"),
    refused(
      47,
      "PAX path against another name",
      () => archive(pax("path", "evil"), file("x")),
      "archive/not-canonical",
    ),
    refused(
      48,
      "PAX, then a GNU long name",
      () => archive(pax("size", "1"), raw({ name: "././@LongLink", type: "L" })),
      "archive/gnu-long-name",
    ),
    refused(49, "GNU long name", () => archive(raw({ name: "././@LongLink", type: "L" })), "archive/gnu-long-name"),
    refused(49, "GNU long link", () => archive(raw({ name: "././@LongLink", type: "K" })), "archive/gnu-long-name"),
    refused(50, "global header", () => archive(raw({ name: "g", type: "g" })), "archive/global-header"),
    record(51, "PAX length too short", "5 path=abc\n", "archive/pax-syntax"),
    record(51, "PAX length too long", "99 path=abc\n", "archive/pax-syntax"),
    record(51, "PAX length not a number", "x1 path=abc\n", "archive/pax-syntax"),
    record(51, "PAX length with a leading zero", "012 path=abc\n", "archive/pax-syntax"),
    record(51, "PAX length overflow", "99999999999999999999 path=abc\n", "archive/pax-syntax"),
    record(51, "PAX record without a key", "6 abc\n", "archive/pax-syntax"),
    sized(52, "PAX size negative", "-1", "archive/pax-syntax"),
    sized(52, "PAX size NaN", "NaN", "archive/pax-syntax"),
    sized(52, "PAX size 2^63", "9223372036854775808", "archive/pax-syntax"),
    sized(52, "PAX size with a plus", "+1", "archive/pax-syntax"),
    field(53, "size in base 256, negative", { size: "\u00ff".repeat(12) }, "archive/number-base256"),
    field(53, "size in base 256, huge", { size: `\u0080${"\u00ff".repeat(11)}` }, "archive/number-base256"),
    field(54, "size with spaces", { size: "         12\0" }, "archive/number"),
    field(54, "size with letters", { size: "0000000zz00\0" }, "archive/number"),
    field(54, "size without a terminator", { size: "000000000001" }, "archive/number"),
    field(55, "wrong checksum", { checksum: "0000000\0" }, "archive/checksum"),
    field(55, "checksum in another form", { checksumForm: "spaces" }, "archive/checksum"),
    field(56, "v7 without magic", { magic: "\0".repeat(8) }, "archive/magic"),
    field(56, "GNU magic", { magic: "ustar  \0" }, "archive/magic"),
    field(
      57,
      "directory with a size",
      { name: "x/", type: "5", mode: "0000755", size: "00000001000\0" },
      "archive/unexpected-size",
    ),
    field(
      58,
      "symlink with a size",
      { type: "2", mode: "0000777", linkName: "a", size: "00000001000\0" },
      "archive/unexpected-size",
    ),
    refused(
      59,
      "PAX header of 1 GiB",
      () => archive(raw({ name: "PaxHeader", type: "x", size: "10000000000\0" })),
      "archive/pax-too-large",
    ),
    refused(
      60,
      "10 000 PAX records",
      () => archive(paxBody(encodeUtf8("12 comment=\n".repeat(300))), file("x")),
      "archive/pax-key",
    ),
    record(61, "hdrcharset", "21 hdrcharset=BINARY\n", "archive/pax-key"),
    refused(63, "PAX comment", () => archive(pax("comment", "x".repeat(3000)), file("x")), "archive/pax-key"),
    field(54, "bytes after the name's NUL", { nameBytes: Uint8Array.of(0x78, 0, 0x79) }, "archive/not-canonical"),
    field(54, "modification time", { mtime: "14000000000" }, "archive/mtime"),
    refused(
      48,
      "two PAX headers",
      () => archive(pax("path", "y"), pax("path", "z"), file("x")),
      "archive/pax-duplicate",
    ),
    refused(
      48,
      "a PAX record twice",
      () =>
        archive(
          paxes([
            ["path", "y"],
            ["path", "z"],
          ]),
          file("x"),
        ),
      "archive/pax-duplicate",
    ),
    refused(48, "a PAX header without its entry", () => archive(pax("path", "y")), "archive/pax-dangling"),
  ];
}

function structureCases(): HostileArchive[] {
  const zero = new Uint8Array(512);
  const whole = () => archive(file("a", "hello"));
  return [
    refused(
      64,
      "lone zero block, then data",
      () => concatBytes([file("a"), zero, file("b"), end]),
      "archive/lone-zero-block",
    ),
    refused(
      65,
      "data after two zero blocks",
      () => concatBytes([file("a"), end, file("b"), end]),
      "archive/trailing-data",
    ),
    refused(65, "one byte too many", () => concatBytes([whole(), Uint8Array.of(0)]), "archive/trailing-data"),
    refused(66, "no end blocks", () => file("a"), "archive/missing-end"),
    refused(66, "one end block", () => concatBytes([file("a"), zero]), "archive/missing-end"),
    refused(66, "no bytes at all", () => new Uint8Array(0), "archive/missing-end"),
    refused(67, "truncated in a header", () => whole().subarray(0, 300), "archive/truncated"),
    refused(67, "truncated in a body", () => whole().subarray(0, 514), "archive/truncated"),
    refused(67, "truncated in the padding", () => whole().subarray(0, 600), "archive/truncated"),
    refused(68, "padding that is not zero", () => patched(whole(), 520, 1), "archive/padding"),
    contained(
      69,
      "a tar inside",
      () => archive(file("inner.tar", archive(file("../x")))),
      "the inner archive stays data: nothing unpacks it",
    ),
    refused(
      70,
      "more entries than allowed",
      () => archive(...Array.from({ length: 1001 }, (_, index) => file(`f${String(index).padStart(6, "0")}`))),
      "archive/too-many-entries",
    ),
    refused(
      71,
      "more directories than allowed",
      () => archive(...Array.from({ length: 1001 }, (_, index) => directory(`d${String(index).padStart(6, "0")}`))),
      "archive/too-many-entries",
    ),
    refused(
      72,
      "deep directories",
      () =>
        archive(
          ...Array.from({ length: 70 }, (_, index) =>
            directory(Array.from({ length: index + 1 }, () => "d").join("/")),
          ),
        ),
      "archive/path-too-deep",
    ),
    refused(73, "old GNU sparse file", () => archive(raw({ name: "x", type: "S" })), "archive/sparse"),
    refused(
      74,
      "PAX sparse file of 1 TiB",
      () =>
        archive(
          paxes([
            ["GNU.sparse.major", "1"],
            ["GNU.sparse.realsize", "1099511627776"],
          ]),
          file("x"),
        ),
      "archive/sparse",
    ),
    refused(
      75,
      "sparse map of many regions",
      () => archive(pax("GNU.sparse.map", "0,1,".repeat(900)), file("x")),
      "archive/sparse",
    ),
    refused(
      76,
      "tar and zip in one",
      () => concatBytes([whole(), encodeUtf8("PK\u0005\u0006")]),
      "archive/trailing-data",
    ),
    refused(
      76,
      "gzip where tar should be",
      () => concatBytes([Uint8Array.of(0x1f, 0x8b, 8, 0), new Uint8Array(1020)]),
      "archive/magic",
    ),
    refused(
      70,
      "a file over its limit",
      () => archive(raw({ name: "x", size: "77777777777\0" })),
      "archive/file-too-large",
    ),
    contained(
      79,
      "an archive within a compressed file",
      () => archive(file("inner.tar.gz", Uint8Array.of(0x1f, 0x8b, 8, 0))),
      "nothing unpacks what is inside a package",
    ),
    contained(76, "an archive without entries", () => end, "an empty tree is a tree"),
  ];
}

function refused(id: number, name: string, build: () => Uint8Array, code: ArchiveErrorCode): HostileArchive {
  return { id, name, build, expect: { code } };
}

function contained(id: number, name: string, build: () => Uint8Array, reason: string): HostileArchive {
  return { id, name, build, expect: { contained: reason } };
}

function archive(...parts: Uint8Array[]): Uint8Array {
  return concatBytes([...parts, end]);
}

function header(entry: Partial<TarEntry> & { path: string }): Uint8Array {
  return encodeTarHeader({ type: "file", executable: false, sizeBytes: 0, ...entry });
}

function directory(path: string): Uint8Array {
  return header({ path, type: "directory" });
}

function file(path: string, content: string | Uint8Array = ""): Uint8Array {
  const bytes = typeof content === "string" ? encodeUtf8(content) : content;
  return concatBytes([header({ path, sizeBytes: bytes.length }), bytes, new Uint8Array(tarPaddingBytes(bytes.length))]);
}

interface RawHeader {
  readonly name?: string;
  readonly nameBytes?: Uint8Array;
  readonly type?: string;
  readonly mode?: string;
  readonly uid?: string;
  readonly owner?: string;
  readonly size?: string;
  readonly mtime?: string;
  readonly linkName?: string;
  readonly magic?: string;
  readonly prefix?: string;
  readonly checksum?: string;
  readonly checksumForm?: "canonical" | "spaces";
}

/** A header with any field as wanted and, unless one is given, a right checksum. */
function raw(options: RawHeader): Uint8Array {
  const block = header({ path: "x" }).slice();
  const put = (offset: number, length: number, text: string | undefined) => {
    if (text === undefined) return;
    block.fill(0, offset, offset + length);
    for (let at = 0; at < Math.min(length, text.length); at++) block[offset + at] = text.charCodeAt(at);
  };
  put(0, 100, options.name);
  if (options.nameBytes !== undefined) {
    block.fill(0, 0, 100);
    block.set(options.nameBytes, 0);
  }
  put(100, 8, options.mode);
  put(108, 7, options.uid);
  put(124, 12, options.size);
  put(136, 11, options.mtime);
  put(156, 1, options.type);
  put(157, 100, options.linkName);
  put(257, 8, options.magic);
  put(265, 32, options.owner);
  put(345, 155, options.prefix);
  put(148, 8, options.checksum ?? checksum(block, options.checksumForm ?? "canonical"));
  return block;
}

function checksum(block: Uint8Array, form: "canonical" | "spaces"): string {
  let sum = 8 * 0x20;
  block.forEach((byte, at) => (sum += at >= 148 && at < 156 ? 0 : byte));
  const digits = sum.toString(8);
  return form === "canonical" ? `${digits.padStart(6, "0")}\0 ` : `${digits.padStart(6, " ")} \0`;
}

function pax(key: string, value: string): Uint8Array {
  return paxes([[key, value]]);
}

function paxes(records: readonly (readonly [string, string])[]): Uint8Array {
  return paxBody(concatBytes(records.map(([key, value]) => paxRecord(key, value))));
}

function paxRecord(key: string, value: string): Uint8Array {
  const rest = encodeUtf8(` ${key}=${value}\n`);
  let length = rest.length + String(rest.length).length;
  if (String(length).length + rest.length !== length) length = rest.length + String(length).length;
  return concatBytes([encodeUtf8(String(length)), rest]);
}

function paxBody(body: Uint8Array): Uint8Array {
  const head = raw({ name: "PaxHeader", type: "x", size: `${body.length.toString(8).padStart(11, "0")}\0` });
  return concatBytes([head, body, new Uint8Array(tarPaddingBytes(body.length))]);
}

function patched(bytes: Uint8Array, offset: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[offset] = value;
  return copy;
}
