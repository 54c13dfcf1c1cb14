/**
 * What a name looks like to somebody who reads it fast: without the dashes, and with what is easily taken for another
 * character as that one. Two names that look the same are one to who types from memory.
 */
export function lookOf(name: string): string {
  return name.replaceAll("-", "").replaceAll("0", "o").replaceAll("1", "l");
}

/** The same without the number at the end of each part, since `acme2/tool` passes for a newer `acme/tool`. */
export function stemOf(name: string): string {
  return lookOf(name.split("/").map(withoutNumber).join("/"));
}

/** A part that is nothing but a number keeps it. */
function withoutNumber(part: string): string {
  return part.replace(/(?<=[^0-9])-?[0-9]+$/, "");
}

/** Whether two names differ by nothing but numbers at the end: `step-1` and `step-2` are a series, and no mistake. */
export function isSeries(left: string, right: string): boolean {
  return stemOf(left) === stemOf(right) && lookOf(left) !== lookOf(right);
}

const characters = [..."abcdefghijklmnopqrstuvwxyz0123456789-"];

/**
 * Everything that one mistake in typing makes of a text: a character left out, put in, hit in the place of another, or
 * swapped with its neighbour (Damerau). Some three thousand texts for one of forty characters, looked up at once, in the
 * place of comparing it with every name there is.
 */
export function mistypingsOf(text: string): readonly string[] {
  const found = new Set<string>();
  for (let at = 0; at <= text.length; at++) {
    const [before, after] = [text.slice(0, at), text.slice(at)];
    const [first = "", second = ""] = after;
    if (first !== "") found.add(before + after.slice(1));
    if (second !== "") found.add(before + second + first + after.slice(2));
    for (const character of characters) {
      found.add(before + character + after);
      if (first !== "") found.add(before + character + after.slice(1));
    }
  }
  found.delete(text);
  return [...found];
}
