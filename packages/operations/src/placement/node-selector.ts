import { operationError } from "../errors.ts";
import type { AgentNode } from "./agent-nodes.ts";

const selectorKeys = ["name", "location", "arch", "platform"] as const;
type SelectorKey = (typeof selectorKeys)[number];

/** Which nodes are meant: all that it says must be so. */
export interface NodeSelector {
  /** As it was given. */
  readonly text: string;
  readonly terms: readonly (readonly [key: SelectorKey, value: string])[];
}

/**
 * `KEY=VALUE[,KEY=VALUE]`. `name` may hold `*` for any characters, `platform` is `os` or `os/arch`. Throws
 * `placement/selector`.
 */
export function parseNodeSelector(text: string): NodeSelector {
  const terms = text.split(",").map((term) => parseTerm(term.trim(), text));
  const twice = terms.find(([key], index) => terms.findIndex(([other]) => other === key) !== index);
  if (twice !== undefined) throw wrong(text, `"${twice[0]}" comes twice`);
  return { text, terms };
}

function parseTerm(term: string, text: string): readonly [SelectorKey, string] {
  const at = term.indexOf("=");
  const value = term.slice(at + 1).trim();
  if (at === -1 || value === "") throw wrong(text, `"${term}" is not KEY=VALUE`);
  const name = term.slice(0, at).trim();
  const key = selectorKeys.find((known) => known === name);
  if (key === undefined) throw wrong(text, `there is no key "${name}"`);
  return [key, value];
}

function wrong(text: string, why: string): Error {
  return operationError("placement/selector", `the selector "${text.slice(0, 200)}" is wrong: ${why}`);
}

export function matchesNode({ terms }: NodeSelector, node: AgentNode): boolean {
  return terms.every(([key, value]) => matchesTerm(key, value, node));
}

function matchesTerm(key: SelectorKey, value: string, { name, location, platform = "/" }: AgentNode): boolean {
  const [system, architecture] = platform.split("/");
  switch (key) {
    case "name":
      return matchesPattern(name, value.split("*"));
    case "location":
      // ColonyOS compares the names of locations in this way.
      return location.toLowerCase() === value.toLowerCase();
    case "arch":
      return architecture === value;
    case "platform":
      return platform === value || system === value;
  }
}

/** Whether a text is the parts with anything between them. No regular expression: the pattern is from outside. */
function matchesPattern(text: string, [first = "", ...rest]: readonly string[]): boolean {
  if (!text.startsWith(first)) return false;
  const last = rest.pop();
  if (last === undefined) return text === first;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
