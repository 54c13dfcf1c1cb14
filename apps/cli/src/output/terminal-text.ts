const marks = /\u001b\[\d{1,2}m/y;
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** How many columns a terminal needs for a text; marks of style need none. */
export function displayWidth(text: string): number {
  return Bun.stringWidth(text);
}

/** The text in at most `width` columns, the last of them an ellipsis where something was cut. Marks are kept whole. */
export function cutText(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  if (width < 1) return "";
  let cut = "";
  let used = 0;
  let marked = false;
  for (const { piece, isMark } of pieces(text)) {
    marked ||= isMark;
    if (!isMark && used + displayWidth(piece) > width - 1) break;
    cut += piece;
    used += isMark ? 0 : displayWidth(piece);
  }
  return `${cut}…${marked ? "\u001b[0m" : ""}`;
}

/** Lines of at most `width` columns, broken at spaces; a longer word has a line of its own. */
export function wrapText(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && displayWidth(longer) > width) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}

/**
 * What a terminal may be shown of a text that others wrote: line ends, tabs and our marks, but no control that moves
 * the cursor, changes the title or clears the screen.
 */
export function harmless(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(/\u001b\[\d{1,2}m|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (found) =>
      found.length > 1 ? found : "\ufffd",
    );
}

function* pieces(text: string): Generator<{ piece: string; isMark: boolean }> {
  for (let at = 0; at < text.length;) {
    marks.lastIndex = at;
    const mark = marks.exec(text)?.[0];
    if (mark !== undefined) {
      yield { piece: mark, isMark: true };
      at += mark.length;
      continue;
    }
    const next = text.indexOf("\u001b[", at + 1);
    for (const { segment } of graphemes.segment(text.slice(at, next === -1 ? undefined : next))) {
      yield { piece: segment, isMark: false };
      at += segment.length;
    }
  }
}
