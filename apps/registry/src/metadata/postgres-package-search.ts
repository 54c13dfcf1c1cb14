import { sql } from "../database/sql.ts";
import type { PackageSearch, PackageWords } from "./package-search.ts";
import { wordsOf } from "./search-words.ts";

/** Where a word is from, as PostgreSQL's four weights, the highest first. */
const weights = [
  ["A", "name"],
  ["B", "keywords"],
  ["C", "description"],
  ["D", "readme"],
] as const satisfies readonly (readonly [string, keyof PackageWords])[];

/** Of D, C, B and A: the proportions that SQLite's search has too. */
const rankOfWeights = "{0.1, 0.3, 0.4, 0.8}";

/** A vector has less than 1 MiB, a word less than 2 KiB (PostgreSQL, section 12.11): a readme is indexed so far. */
const maxVectorLength = 250_000;
const maxWordLength = 100;
const maxPlacesOfWord = 16;
const maxPlace = 16_383;

/**
 * By a vector of the words as they stand, without capitals and accents. Neither a dictionary nor a collation of the
 * server's is asked: every registry finds the same.
 */
export const postgresPackageSearch: PackageSearch = {
  async index(transaction, packageId, words) {
    await transaction.run(sql`
      INSERT INTO package_search (package_id, words) VALUES (${packageId}, CAST(${toVector(words)} AS TSVECTOR))
      ON CONFLICT (package_id) DO UPDATE SET words = excluded.words`);
  },

  matching(text) {
    const asked = toAsked(text);
    if (asked === "") return undefined;
    const query = sql`CAST(${asked} AS TSQUERY)`;
    return sql`SELECT package_id AS id, ts_rank(CAST(${rankOfWeights} AS REAL[]), words, ${query}) AS relevance
      FROM package_search WHERE words @@ ${query}`;
  },
};

/** `'count':1A,7C 'words':2A`: nothing in a word has a meaning, since it is letters and digits only. */
function toVector(words: PackageWords): string {
  const places = new Map<string, string[]>();
  let [place, length] = [0, 0];
  for (const [weight, source] of weights) {
    for (const [found] of plain(words[source]).matchAll(/[\p{L}\p{N}]+/gu)) {
      const word = toLexeme(found);
      const known = places.get(word) ?? [];
      place = Math.min(place + 1, maxPlace);
      if (known.length >= maxPlacesOfWord) continue;
      const written = `${place}${weight}`;
      length += known.length === 0 ? word.length + written.length + 4 : written.length + 1;
      if (length > maxVectorLength) break;
      places.set(word, [...known, written]);
    }
  }
  return [...places].map(([word, at]) => `'${word}':${at.join(",")}`).join(" ");
}

/** Every word of it, each in one of its forms, as the beginning of a word. */
function toAsked(text: string): string {
  return wordsOf(plain(text))
    .map((forms) => `(${forms.map((form) => `'${toLexeme(form)}':*`).join(" | ")})`)
    .join(" & ");
}

/** As SQLite's index has it too: small letters, without what is put on or below them. */
function plain(text: string): string {
  return text.toLowerCase().normalize("NFD").replaceAll(/\p{M}/gu, "");
}

function toLexeme(word: string): string {
  return [...word].slice(0, maxWordLength).join("");
}
