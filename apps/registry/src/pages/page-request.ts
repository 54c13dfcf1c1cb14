import type { Caller } from "../access/authenticator.ts";
import type { RegistryParts } from "../registry-parts.ts";
import type { Visitor } from "./layout.ts";

/** What a controller works with. */
export interface PageRequest {
  readonly parts: RegistryParts;
  readonly caller: Caller;
  readonly visitor: Visitor;
  readonly query: URLSearchParams;
}
