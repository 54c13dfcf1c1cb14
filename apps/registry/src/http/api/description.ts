import { stringifyJson } from "@cpm/base";
import type { Call } from "../account-call.ts";
import { taggedJson } from "../resolution.ts";
import { openApiDocument } from "./document.ts";

let made: string | undefined;

/** The same for everybody, and for as long as the process runs. */
export function describeApi({ request }: Call): Response {
  made ??= stringifyJson(openApiDocument());
  return taggedJson(made, request);
}
