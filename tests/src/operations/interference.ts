import type { Fetch } from "@cpm/colonies";

/** What happens to one kind of call: nothing is sent, or it is sent and its answer is lost. */
export interface Interference {
  /** Before each call of the kind. */
  readonly before?: () => void | Promise<void>;
  /** The answer never comes back. */
  readonly loseAnswer?: boolean;
  /** The call never arrives. */
  readonly refuse?: boolean;
}

/** A network in which calls of some kinds meet with something; the others pass. */
export function interfering(rules: Readonly<Record<string, Interference>>): Fetch {
  return async (url, init) => {
    const { payloadtype } = JSON.parse(init.body) as { payloadtype: string };
    const rule = rules[payloadtype];
    await rule?.before?.();
    if (rule?.refuse === true) throw new TypeError("the connection was refused");
    const response = await fetch(url, init);
    if (rule?.loseAnswer !== true) return response;
    await response.text();
    throw new TypeError("the connection was reset");
  };
}
