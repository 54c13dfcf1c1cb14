import { stringifyJson } from "@cpm/base";
import { inputToJson } from "@cpm/model";
import type { InputDefinition } from "@cpm/model";
import { html } from "../html.ts";
import type { Html } from "../html.ts";

/** On a narrow page each row is a block of its own; the roles keep it a table for who does not see it. */
export function inputTable(inputs: readonly InputDefinition[]): Html {
  if (inputs.length === 0) return html`<p class="empty">It takes no inputs.</p>`;
  return html`<table class="stacked" role="table" aria-label="Inputs">
    <thead role="rowgroup">
      <tr role="row">
        <th role="columnheader" scope="col">Input</th>
        <th role="columnheader" scope="col">Type</th>
        <th role="columnheader" scope="col">Default</th>
        <th role="columnheader" scope="col">What it is</th>
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${inputs.map(inputRow)}
    </tbody>
  </table>`;
}

function inputRow(input: InputDefinition): Html {
  const { key, type, required, label, description } = input;
  const rules = constraintsOf(input);
  return html`<tr role="row">
    <th role="rowheader" scope="row">
      <code>${key}</code>${required ? html` <span class="badge strong">required</span>` : undefined}
    </th>
    <td role="cell" data-title="Type">${type === "secret" ? html`<span class="badge">secret</span>` : type}</td>
    <td role="cell" data-title="Default">${defaultText(input)}</td>
    <td role="cell">
      ${label === undefined ? undefined : html`<p dir="auto"><strong>${label}</strong></p>`}${description === undefined ? undefined : html`<p dir="auto">${description}</p>`}${
        rules.length === 0
          ? undefined
          : html`<ul class="rules">
              ${rules.map((rule) => html`<li>${rule}</li>`)}
            </ul>`
      }
    </td>
  </tr>`;
}

const maxDefaultLength = 200;

function defaultText(input: InputDefinition): Html {
  if (input.default === undefined) return html`<span class="quiet">none</span>`;
  const value = input.default;
  const text = typeof value === "string" ? value : stringifyJson(inputToJson(value));
  if (text === "") return html`<span class="quiet">empty text</span>`;
  return html`<code dir="auto">${text.length > maxDefaultLength ? `${text.slice(0, maxDefaultLength)}…` : text}</code>`;
}

/** What a value must keep to, in words. */
function constraintsOf(input: InputDefinition): readonly (Html | string)[] {
  switch (input.type) {
    case "int":
    case "number":
      return bounds(input.min, input.max, "");
    case "string":
      return [
        ...bounds(input.minLength, input.maxLength, " characters"),
        ...(input.pattern === undefined ? [] : [html`matches <code>${input.pattern}</code>`]),
      ];
    case "list":
      return bounds(input.minItems, input.maxItems, " items");
    case "select":
      return [
        html`one of ${input.options.map((option, index) => html`${index === 0 ? "" : ", "}<code>${option}</code>`)}`,
      ];
    case "secret":
      return ["never shown, logged or recorded"];
    case "bool":
    case "object":
      return [];
  }
}

function bounds(low: bigint | number | undefined, high: bigint | number | undefined, unit: string): readonly string[] {
  if (low !== undefined && high !== undefined)
    return [low === high ? `exactly ${low}${unit}` : `${low} to ${high}${unit}`];
  if (low !== undefined) return [`at least ${low}${unit}`];
  return high === undefined ? [] : [`at most ${high}${unit}`];
}
