import type { JsonObject } from "@cpm/base";
import { manifestSchema } from "./manifest.ts";
import type { FieldRow } from "./schema/schema.ts";

/** JSON Schema 2020-12 of `colony.yaml`, for editors. */
export function manifestJsonSchema(): JsonObject {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "CPM package manifest (colony.yaml)",
    ...manifestSchema.jsonSchema(),
  };
}

/** The table of all fields, in Markdown. */
export function manifestReference(): string {
  const head = "| field | type | required | meaning |\n|---|---|---|---|";
  return `${head}\n${manifestSchema.fieldRows().map(formatRow).join("\n")}\n`;
}

function formatRow(row: FieldRow): string {
  const fallback = row.defaultText === undefined || row.defaultText === "" ? "" : ` Default: \`${row.defaultText}\`.`;
  const cells = [`\`${row.path}\``, row.typeName, row.required ? "yes" : "", `${row.description}${fallback}`];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
}
