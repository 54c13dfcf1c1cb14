import type { RenderedMap, RenderedNode } from "../rendered.ts";
import { childOf, itemsOf, textOf } from "../rendered.ts";
import type { ReportRule } from "./report-rule.ts";
import { noteIgnored } from "./report-rule.ts";

/** The kind under which CPM keeps its own records of releases. */
const releaseKind = "CpmRelease";
const releaseDefinition = "cpmreleases";

const kindName = /^[A-Za-z][A-Za-z0-9]{0,62}$/;

/** What the server checks of a property; it does not look at anything else. */
const propertyTypes = ["string", "number", "boolean", "object", "array"];
const checkedKeys = new Set(["type", "description", "enum", "properties", "items"]);

/** A record of the colony, which any member may read and change. */
export function checkBlueprint(root: RenderedMap, spec: RenderedMap, add: ReportRule): void {
  const name = childOf(root, "name");
  if (name !== undefined && /^v\d+$/.test(textOf(name) ?? "")) {
    const message = "a record with this name would take the place of a revision of the release";
    add("resource/reserved", name, message, "Choose another name than v and a number.");
  }
  checkKind(childOf(spec, "kind"), add);
  noteIgnored(childOf(spec, "metadata"), ["name", "colonyname"], add);
  checkLocation(spec, add);
}

/** The server stores a definition without validating it, and later enforces only a part of its schema. */
export function checkBlueprintDefinition(root: RenderedMap, spec: RenderedMap, add: ReportRule): void {
  noteIgnored(childOf(spec, "metadata"), ["name", "colonyname"], add);
  const name = childOf(root, "name");
  if (name !== undefined && textOf(name) === releaseDefinition)
    add("resource/reserved", name, `${releaseDefinition} is CPM's own definition`, "Choose another name.");
  const definition = childOf(spec, "spec");
  checkKind(childOf(childOf(definition, "names"), "kind"), add);
  const scope = childOf(definition, "scope");
  if (scope !== undefined && !["Namespaced", "Cluster"].includes(textOf(scope) ?? ""))
    add("resource/invalid-value", scope, "there is no such scope", "A scope is Namespaced or Cluster.");
  checkHandler(childOf(definition, "handler"), add);
  const schema = childOf(definition, "schema");
  if (schema?.kind === "map") checkSchema(schema, true, add);
}

function checkKind(kind: RenderedNode | undefined, add: ReportRule): void {
  const text = textOf(kind);
  if (kind === undefined || text === undefined) return;
  if (text === releaseKind)
    add("resource/reserved", kind, `${releaseKind} is the kind of CPM's own records`, "Choose another kind.");
  else if (!kindName.test(text)) {
    const hint = "A letter, then letters and digits, at most 63.";
    add("resource/name", kind, `${JSON.stringify(text)} cannot be a kind`, hint);
  }
}

function checkLocation(spec: RenderedMap, add: ReportRule): void {
  const location = childOf(childOf(spec, "metadata"), "locationname");
  if (location !== undefined && !/^(?:[A-Za-z0-9._-]{1,128})?$/.test(textOf(location) ?? ""))
    add("resource/name", location, `${JSON.stringify(textOf(location))} cannot be a location's name`);
}

/** With a handler every change starts a process, and a cron starts one a minute. */
function checkHandler(handler: RenderedNode | undefined, add: ReportRule): void {
  if (handler === undefined) return;
  const [executor, name] = ["executorType", "functionName"].map((key) => textOf(childOf(handler, key)) ?? "");
  if ((executor === "") !== (name === "")) {
    const message = "a handler needs both executorType and functionName, or neither for records without one";
    add("resource/handler", handler, message, "Leave both empty to keep records only.");
  }
  const interval = childOf(handler, "reconcileInterval");
  if (interval !== undefined)
    add("resource/ignored", interval, "the server reconciles every 60 seconds, whatever is written", "Leave it out.");
}

function checkSchema(schema: RenderedMap, top: boolean, add: ReportRule): void {
  for (const { key, value } of schema.entries) {
    const enforced = checkedKeys.has(key) || (key === "required" && top);
    if (!enforced) {
      const where = top ? "" : " below the top level";
      add("resource/unchecked-schema", value, `the server does not enforce "${key}"${where}`, uncheckedHint);
    }
  }
  const type = childOf(schema, "type");
  const text = textOf(type);
  if (type !== undefined && text === "integer")
    add(
      "resource/unchecked-schema",
      type,
      'the server does not check the type "integer": even text passes',
      uncheckedHint,
    );
  else if (type !== undefined && !propertyTypes.includes(text ?? ""))
    add("resource/invalid-value", type, "there is no such type", `A type is one of ${propertyTypes.join(", ")}.`);
  const properties = childOf(schema, "properties");
  for (const { value } of properties?.kind === "map" ? properties.entries : [])
    if (value.kind === "map") checkSchema(value, false, add);
  const items = childOf(schema, "items");
  if (items?.kind === "map") checkSchema(items, false, add);
  const required = childOf(schema, "required");
  for (const name of itemsOf(required)) {
    const known = textOf(name) !== undefined && childOf(properties, textOf(name) ?? "") !== undefined;
    if (known) continue;
    const message = `"${textOf(name) ?? ""}" is required and is not a property`;
    add("resource/invalid-value", name, message, "No record could ever be stored.");
  }
}

const uncheckedHint = "Let the executor that reads the record check it.";
