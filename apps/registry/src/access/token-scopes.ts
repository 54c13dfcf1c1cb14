import { accessInvalid } from "./access-invalid.ts";

/**
 * What a token is for. `read`: pull what is private; `publish`: that, and push; `yank`: pull and withdraw what is
 * there; `admin`: whatever its user may do to users, namespaces and tokens.
 */
export const tokenScopes = ["read", "publish", "yank", "admin"] as const;
export type TokenScope = (typeof tokenScopes)[number];

const maxPatterns = 50;

/** Throws `registry-server/access-invalid` for another word, and for none at all. */
export function parseTokenScopes(words: readonly string[]): readonly TokenScope[] {
  const scopes = words.map((word) => tokenScopes.find((scope) => scope === word) ?? unknownScope(word));
  if (scopes.length === 0) throw accessInvalid(`a token needs a scope: ${tokenScopes.join(", ")}`);
  return tokenScopes.filter((scope) => scopes.includes(scope));
}

/** `namespace/name` with `*` for any run of characters. Throws `registry-server/access-invalid`. */
export function parsePatterns(texts: readonly string[]): readonly string[] {
  if (texts.length > maxPatterns) throw accessInvalid(`${texts.length} patterns; a token takes ${maxPatterns}`);
  for (const text of texts) {
    if (!/^[a-z0-9*][a-z0-9._/*-]{0,254}$/.test(text))
      throw accessInvalid(`"${text.slice(0, 100)}" is no pattern such as acme/* or acme/web-*`);
  }
  return [...new Set(texts)];
}

/** Without backtracking: each piece between two stars is looked for once, from the left. */
export function matchesPattern(pattern: string, name: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return name === pattern;
  if (!name.startsWith(first) || name.length < first.length + last.length || !name.endsWith(last)) return false;
  const end = name.length - last.length;
  let at = first.length;
  for (const piece of rest) {
    const found = name.indexOf(piece, at);
    if (found === -1 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}

function unknownScope(word: string): never {
  throw accessInvalid(`"${word.slice(0, 40)}" is no scope: ${tokenScopes.join(", ")}`);
}
