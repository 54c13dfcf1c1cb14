import { stringifyJson } from "@cpm/base";
import { openApiDocument } from "@cpm/registry/openapi";

/** `docs/openapi.json`: what a registry answers at `/api/v1/openapi.json`, to be read without one. */
export function openApiFile(): string {
  return `${stringifyJson(openApiDocument(), 2)}\n`;
}
