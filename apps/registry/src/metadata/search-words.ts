const maxQueryLength = 200;
const maxWords = 10;

/** The words of a search, each with its plain form beside it: either is looked for as a beginning. */
export function wordsOf(text: string): readonly (readonly string[])[] {
  const words = text.slice(0, maxQueryLength).match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.slice(0, maxWords).map((word) => [...new Set([word, stemOf(word)])]);
}

/** `counting`, `counted` and `counts` find `count`. No more than that: a prefix finds the rest. */
function stemOf(word: string): string {
  const stem = word.replace(/(?:ing|ed|es|s)$/, "");
  return stem.length >= 4 ? stem : word;
}
