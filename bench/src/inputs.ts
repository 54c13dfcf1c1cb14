import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeFully } from "@cpm/store";
import { Random } from "./random.ts";

/** What the two shapes of content consist of. */
export interface Shape {
  readonly largeFiles: number;
  readonly largeFileBytes: number;
  readonly smallFiles: number;
}

/** One gigabyte, and fifty thousand files. */
export const fullShape: Shape = { largeFiles: 8, largeFileBytes: 125_000_000, smallFiles: 50_000 };
export const quickShape: Shape = { largeFiles: 4, largeFileBytes: 16_000_000, smallFiles: 3000 };

const seed = 20_240_229;
const blockBytes = 1024 * 1024;
const textPoolBytes = 16 * blockBytes;
const filesPerFolder = 100;
const foldersPerFolder = 20;
const meanFileBytes = 4600;
/** Spread of the logarithm of a small file's size, as measured over installed packages. */
const sizeSpread = 1.2;

/** A few large files, half of their blocks text that compresses and half noise that does not. */
export function writeLargeFiles(root: string, shape: Shape): void {
  mkdirSync(root, { recursive: true });
  const random = new Random(seed);
  const block = new Uint8Array(blockBytes);
  const vocabulary = createVocabulary(random);
  for (let index = 0; index < shape.largeFiles; index++) {
    const path = join(root, `large-${index}.bin`);
    const file = openSync(path, "wx");
    try {
      for (let left = shape.largeFileBytes; left > 0; left -= blockBytes) {
        if (random.below(2) === 0) random.fillNoise(block);
        else fillWithText(block, vocabulary, random);
        writeFully(file, block.subarray(0, left), path);
      }
    } finally {
      closeSync(file);
    }
  }
}

/** Many small text files of log-normal size, a hundred in a folder and twenty folders in a folder. */
export function writeSmallFiles(root: string, shape: Shape): void {
  mkdirSync(root, { recursive: true });
  const random = new Random(seed);
  const text = new Uint8Array(textPoolBytes);
  fillWithText(text, createVocabulary(random), random);
  let folder = "";
  for (let index = 0; index < shape.smallFiles; index++) {
    if (index % filesPerFolder === 0) {
      const number = index / filesPerFolder;
      folder = join(root, `part-${Math.floor(number / foldersPerFolder)}`, `folder-${number}`);
      mkdirSync(folder, { recursive: true });
    }
    const logarithm = Math.log(meanFileBytes) - sizeSpread ** 2 / 2 + sizeSpread * random.normal();
    const sizeBytes = Math.min(Math.round(Math.exp(logarithm)), blockBytes);
    const start = random.below(text.length - sizeBytes);
    writeFileSync(join(folder, `file-${index}.txt`), text.subarray(start, start + sizeBytes));
  }
}

function createVocabulary(random: Random): Uint8Array[] {
  return Array.from({ length: 20_000 }, () =>
    Uint8Array.from({ length: 3 + random.below(9) }, (_, at) => (at === 0 ? 0x20 : 0x61 + random.below(26))),
  );
}

/** Words of which few are frequent and most are rare, as in any text. */
function fillWithText(block: Uint8Array, vocabulary: readonly Uint8Array[], random: Random): void {
  let at = 0;
  while (at < block.length) {
    const rank = Math.floor(vocabulary.length ** random.unit()) - 1;
    const word = vocabulary[rank] ?? Uint8Array.of(0x0a);
    for (let index = 0; index < word.length && at < block.length; index++) block[at++] = word[index] ?? 0;
  }
}
