import type { JsonObject } from "@cpm/base";
import { apiTags } from "./operation.ts";
import type { ApiBody, ApiOperation, QueryParameter } from "./operation.ts";
import { apiOperations } from "./operations.ts";
import { apiSchemas, refTo } from "./schemas.ts";

/** The interface under `/api/v1` as OpenAPI 3.1, from the descriptions that the router goes by. */
export function openApiDocument(): JsonObject {
  return {
    openapi: "3.1.0",
    info: {
      title: "CPM registry",
      version: "1",
      summary: "The package index and the accounts of cpm-registry.",
      description:
        "Content itself is pulled and pushed under /v2, by the OCI distribution specification. Names and versions in paths are as in references. An unknown parameter and an unknown key of a body are refused.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    tags: Object.entries(apiTags).map(([name, description]) => ({ name, description })),
    paths: pathsOf(Object.entries(apiOperations)),
    components: {
      schemas: { ...apiSchemas },
      securitySchemes: {
        password: { type: "http", scheme: "basic", description: "A name and a password, or a token in its place." },
        token: { type: "http", scheme: "bearer", description: "A token of a user." },
      },
    },
  };
}

function pathsOf(operations: readonly (readonly [string, ApiOperation])[]): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const [route, operation] of operations) {
    const [method = "", path = ""] = route.split(" ");
    paths[path] = { ...paths[path], [method.toLowerCase()]: describe(path, operation) };
  }
  return paths;
}

function describe(path: string, operation: ApiOperation): JsonObject {
  const { id, tag, summary, description, access, query = {}, body, answers } = operation;
  const parameters = [...pathParameters(path), ...Object.entries(query).map(queryParameter)];
  const credentials = [{ password: [] }, { token: [] }];
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    security: access === "everybody" ? [{}, ...credentials] : credentials,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: requestBody(body) }),
    responses: { ...Object.fromEntries(Object.entries(answers).map(formatAnswer)), default: errorAnswer },
    "x-access": access,
  };
}

function pathParameters(path: string): readonly JsonObject[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameter([name, { description, schema, repeated = false }]: readonly [
  string,
  QueryParameter,
]): JsonObject {
  const own = repeated ? { schema: { type: "array", items: schema }, style: "form", explode: true } : { schema };
  return { name, in: "query", description, ...own };
}

function requestBody({ required, properties }: ApiBody): JsonObject {
  const schema: JsonObject = {
    type: "object",
    ...(required.length === 0 ? {} : { required: [...required] }),
    properties: { ...properties },
    additionalProperties: false,
  };
  return { required: required.length > 0, content: { "application/json": { schema } } };
}

function formatAnswer([status, answer]: readonly [string, ApiOperation["answers"][number]]): readonly [
  string,
  JsonObject,
] {
  const { description, schema, example } = answer;
  if (schema === undefined) return [status, { description }];
  const content = { schema, ...(example === undefined ? {} : { example }) };
  return [status, { description, content: { "application/json": content } }];
}

const errorAnswer: JsonObject = {
  description: "What is wrong: the code of the distribution specification, and in `detail` our own with a hint.",
  content: { "application/json": { schema: refTo("Error") } },
};
