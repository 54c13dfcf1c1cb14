import { Ajv2020 } from "ajv/dist/2020.js";
import type { ValidateFunction } from "ajv/dist/2020.js";
import { isJsonObject, stringifyJson } from "@cpm/base";
import type { JsonObject, JsonValue } from "@cpm/base";
import { openApiDocument } from "../http/api/document.ts";
import { apiOperations } from "../http/api/operations.ts";
import { findApiTarget } from "../http/api/router.ts";

/** As a program reads it: large bounds of numbers are then no longer exact. */
const document = JSON.parse(stringifyJson(openApiDocument())) as JsonObject;
const ajv = new Ajv2020({
  strict: false,
  allErrors: true,
  formats: {
    "date-time": (text: string) => !Number.isNaN(Date.parse(text)),
    uri: (text: string) => URL.canParse(text),
  },
});
const validators = new Map<string, ValidateFunction>();

/** Which answers were held to their description, as `METHOD path status`. */
export const describedAnswers: Set<string> = new Set();

/**
 * Holds an answer of `/api/v1` to what the document says: its status is one that is described, and its body is as
 * described and has nothing beyond. Throws otherwise. Other answers are let through.
 */
export async function assertDescribed(method: string, path: string, response: Response): Promise<void> {
  if (response.status >= 400) return assertError(path, response);
  const { pathname } = new URL(path, "http://registry.test");
  const target = findApiTarget(method, pathname);
  if (target === undefined) return;
  const answer = apiOperations[target.route].answers[response.status];
  const which = `${target.route} ${response.status}`;
  if (answer === undefined) throw new Error(`${which} is not described`);
  const body = await response.clone().text();
  if (answer.schema === undefined && body !== "") throw new Error(`${which} has a body, which is not described`);
  if (answer.schema !== undefined) assertValid(which, answer.schema, JSON.parse(body) as JsonValue);
  describedAnswers.add(which);
}

async function assertError(path: string, response: Response): Promise<void> {
  const json = response.headers.get("content-type") === "application/json";
  if (!path.startsWith("/api/v1/") || !json) return;
  assertValid("an error", { $ref: "#/components/schemas/Error" }, await response.clone().json());
}

/** Throws where a value is not as a schema of the document says, or has what it does not say. */
export function assertValid(which: string, schema: JsonObject, value: JsonValue): void {
  const known = validators.get(which);
  const validate = known ?? ajv.compile({ ...closed(schema), components: closed(document["components"] ?? {}) });
  validators.set(which, validate);
  if (!validate(value)) throw new Error(`${which}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(value)}`);
}

/** What a client has to put up with, a later version may add; what is answered now is to be described. */
function closed(value: JsonValue): JsonObject {
  return close(value) as JsonObject;
}

function close(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(close);
  if (!isJsonObject(value)) return value;
  const inside = Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, close(entry)]));
  const open = value["type"] === "object" && isJsonObject(value["properties"] ?? null);
  return open && value["additionalProperties"] === undefined ? { ...inside, additionalProperties: false } : inside;
}
