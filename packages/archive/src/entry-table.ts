import { archiveError } from "./errors.ts";
import { FoldedPaths } from "./folded-paths.ts";
import { SortedPaths } from "./sorted-paths.ts";
import type { ArchiveLimits, TarEntry } from "./tar-entry.ts";
import { compareTarPaths } from "./tar-entry.ts";

// Names that Windows gives to devices, in any case and with any extension, and its generated short names.
const reservedName = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)|~\d+(\.|$)/i;
/** A name that needs no further look unless it is reserved or too long; most are. */
const plainName = /^[\w-]+(\.[\w-]+)*$/;
const plainNameBytes = 64;
const invisible = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const upperOrWide = /[^\u0000-@[-\u007f]/;
const wide = /[^\u0000-\u007f]/;

/**
 * Every path of one archive, in order: it decides whether the next entry may exist beside those before it, and
 * at the end whether every symlink leads to something in the tree. Strictly increasing order makes duplicates
 * and second writes impossible; explicit parents make implied directories impossible.
 */
export class EntryTable {
  readonly #limits: ArchiveLimits;
  readonly #paths = new SortedPaths();
  /** Paths as the least distinguishing file system sees them. */
  readonly #folded: FoldedPaths;
  readonly #links = new Map<string, string>();
  #last = "";
  /**
   * Lengths of the directories that the last path begins with, letter by letter. What lies in a directory comes, in byte
   * order, when everything since the directory itself began with its name: no other can be the parent of what follows.
   */
  readonly #open: number[] = [];

  /** `hashSeed` is what nobody outside can foretell, so that no archive makes the table slow; it decides nothing else. */
  constructor(limits: ArchiveLimits, hashSeed: number) {
    this.#limits = limits;
    this.#folded = new FoldedPaths(hashSeed);
  }

  get size(): number {
    return this.#paths.size;
  }

  /** Throws the `archive/…` error that says why the entry may not be there. */
  add(entry: TarEntry): void {
    const { path } = entry;
    if (this.size >= this.#limits.maxEntries) {
      throw archiveError("archive/too-many-entries", `more than ${this.#limits.maxEntries} entries`);
    }
    const slash = path.lastIndexOf("/");
    this.#leaveDirectories(path);
    const inDirectory = slash > 0 && this.#open.includes(slash);
    if (!inDirectory || !isPlain(path.slice(slash + 1)) || !this.#isFarFromLimits(path)) checkPath(path, this.#limits);
    this.#checkOrder(path);
    if (slash !== -1 && !inDirectory)
      throw archiveError("archive/parent", "its directory is not in the archive, or is no directory", path);
    const key = fold(path);
    const hash = this.#folded.hashOf(key);
    if (this.#folded.has(hash, (place) => fold(this.#paths.at(place)) === key))
      throw archiveError("archive/collision", "this path is another one's on systems that fold case or form", path);
    if (entry.type === "symlink") {
      checkLinkTarget(entry.linkTarget ?? "", path, this.#limits);
      this.#links.set(path, entry.linkTarget ?? "");
    }
    if (entry.type === "directory") this.#open.push(path.length);
    this.#folded.add(hash, this.#paths.append(path, entry.type === "directory" ? "directory" : "other"));
    this.#last = path;
  }

  /** Checks what only the whole table can tell. */
  finish(): void {
    checkLinks({
      links: this.#links,
      isDirectory: (path) => this.#paths.find(path) === "directory",
      holds: (path) => this.#paths.find(path) !== undefined,
    });
  }

  #leaveDirectories(path: string): void {
    const most = Math.min(this.#last.length, path.length);
    let shared = 0;
    while (shared < most && this.#last.charCodeAt(shared) === path.charCodeAt(shared)) shared++;
    while ((this.#open.at(-1) ?? 0) > shared) this.#open.pop();
  }

  #checkOrder(path: string): void {
    if (this.size === 0) return;
    const order = compareTarPaths(this.#last, path);
    if (order === 0) throw archiveError("archive/duplicate", "the path occurs twice", path);
    if (order > 0) {
      const code = this.#paths.find(path) === undefined ? "archive/order" : "archive/duplicate";
      throw archiveError(
        code,
        code === "archive/duplicate" ? "the path occurs twice" : "the entries are not in byte order",
        path,
      );
    }
  }

  /** A path within a directory that was checked, and so short that no unit of it can break a limit. */
  #isFarFromLimits(path: string): boolean {
    const { maxPathBytes, maxComponentBytes, maxDepth } = this.#limits;
    return path.length * 3 <= maxPathBytes && plainNameBytes <= maxComponentBytes && path.length <= 2 * maxDepth;
  }
}

/** What following symlinks needs to know of a tree. */
export interface LinkScope {
  /** Targets by the paths of the symlinks. */
  readonly links: ReadonlyMap<string, string>;
  /** Whether there is a real directory. */
  readonly isDirectory: (path: string) => boolean;
  readonly holds: (path: string) => boolean;
}

/** Throws unless every symlink leads to something in the tree, through real directories. */
export function checkLinks(scope: LinkScope): void {
  for (const path of scope.links.keys()) followLink(path, scope);
}

function followLink(start: string, { links, isDirectory, holds }: LinkScope): void {
  let path = start;
  for (let step = 0; step <= links.size; step++) {
    const target = links.get(path);
    if (target === undefined) {
      if (path !== "" && !holds(path))
        throw archiveError("archive/link-dangling", "the symlink leads to nothing in the archive", start);
      return;
    }
    path = resolveLink(path, target, isDirectory);
  }
  throw archiveError("archive/link-loop", "the symlink leads in a circle", start);
}

/** Directories on the way must be real: then the lexical answer is also the kernel's. */
function resolveLink(link: string, target: string, isDirectory: LinkScope["isDirectory"]): string {
  const components = link.split("/").slice(0, -1);
  const steps = target.split("/");
  steps.forEach((step, index) => {
    if (step === "..") {
      if (components.pop() === undefined)
        throw archiveError("archive/link-escape", "the symlink leaves the tree", link);
    } else components.push(step);
    const here = components.join("/");
    if (index < steps.length - 1 && here !== "" && !isDirectory(here)) {
      throw archiveError("archive/link-dangling", "the symlink leads through something that is no directory", link);
    }
  });
  return components.join("/");
}

function isPlain(name: string): boolean {
  return name.length <= plainNameBytes && plainName.test(name) && !reservedName.test(name);
}

/** Throws unless the path is one that a package may have. `cpm pack` uses it on the author's files too. */
export function checkPath(
  path: string,
  limits: Pick<ArchiveLimits, "maxPathBytes" | "maxComponentBytes" | "maxDepth">,
): void {
  if (path === "") throw archiveError("archive/path-empty", "a path is empty");
  checkCharacters(path);
  if (path.startsWith("/")) throw archiveError("archive/path-absolute", "the path is absolute", path);
  if (utf8Length(path) > limits.maxPathBytes)
    throw archiveError("archive/path-too-long", `a path of more than ${limits.maxPathBytes} bytes`, path);
  const components = path.split("/");
  if (components.length > limits.maxDepth)
    throw archiveError("archive/path-too-deep", `a path of more than ${limits.maxDepth} components`, path);
  for (const component of components) checkComponent(component, path, limits.maxComponentBytes);
}

function checkCharacters(path: string): void {
  if (path.includes("\0")) throw archiveError("archive/path-nul", "a path holds a NUL", path);
  if (path.includes("\\")) throw archiveError("archive/path-backslash", "a path holds a backslash", path);
  if (invisible.test(path))
    throw archiveError("archive/path-control", "a path holds control or invisible characters", path);
  if (wide.test(path) && path.normalize("NFC") !== path) {
    throw archiveError("archive/path-normalization", "a path is not in Unicode form NFC", path);
  }
}

function checkComponent(component: string, path: string, maxBytes: number): void {
  if (component === "..") throw archiveError("archive/path-escape", "a path climbs out with ..", path);
  if (component === "" || component === ".")
    throw archiveError("archive/path-component", "a path has an empty or . component", path);
  if (component.length > maxBytes / 4 && utf8Length(component) > maxBytes) {
    throw archiveError("archive/path-too-long", `a name of more than ${maxBytes} bytes`, path);
  }
  if (/^[A-Za-z]:/.test(component)) throw archiveError("archive/path-drive", "a name begins with a drive letter", path);
  if (/[. ]$/.test(component) || /[<>:"|?*]/.test(component) || reservedName.test(component)) {
    throw archiveError("archive/path-reserved", "some systems reserve this name or cannot store it", path);
  }
  if (component.startsWith(".wh."))
    throw archiveError("archive/path-whiteout", "container runtimes read this name as a deletion", path);
}

/** Throws for what can be said of a symlink's target without the rest of the tree. */
export function checkLinkTarget(target: string, path: string, limits: ArchiveLimits): void {
  if (target === "") throw archiveError("archive/link-empty", "the symlink has no target", path);
  if (target.startsWith("/")) throw archiveError("archive/link-absolute", "the symlink's target is absolute", path);
  if (utf8Length(target) > limits.maxLinkTargetBytes) {
    throw archiveError(
      "archive/link-too-long",
      `the symlink's target has more than ${limits.maxLinkTargetBytes} bytes`,
      path,
    );
  }
  checkCharacters(target);
  let depth = path.split("/").length - 1;
  for (const component of target.split("/")) {
    if (component === "" || component === ".")
      throw archiveError("archive/link-target", "the symlink's target has an empty or . component", path);
    depth += component === ".." ? -1 : 1;
    if (depth < 0) throw archiveError("archive/link-escape", "the symlink leaves the tree", path);
    if (component !== "..") checkComponent(component, path, limits.maxComponentBytes);
  }
}

/** Lower case after upper case, so that ß and ss, ſ and s, K (Kelvin) and k meet. */
function fold(path: string): string {
  return upperOrWide.test(path) ? path.normalize("NFKC").toLowerCase().toUpperCase().toLowerCase() : path;
}

function utf8Length(text: string): number {
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    // Each half of a surrogate pair counts for two of its four bytes.
    length += unit < 0x80 ? 1 : unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 2 : 3;
  }
  return length;
}
