import type { CpmError, Diagnostic, ErrorEntry } from "@cpm/base";
import { createError, formatDiagnostic } from "@cpm/base";

export const templateErrors = {
  "template/invalid": {
    kind: "invalid_argument",
    title: "A template is wrong",
    hint: "Run `cpm lint` to see every fault with its place.",
  },
  "template/syntax": { kind: "invalid_argument", title: "An expression is not CEL" },
  "template/structure": { kind: "invalid_argument", title: "A structural key is used wrongly" },
  "template/document": { kind: "invalid_argument", title: "A document is not a resource" },
  "template/duplicate": { kind: "invalid_argument", title: "Two resources have one kind and name" },
  "template/unknown-root": { kind: "invalid_argument", title: "An expression names something that is not in scope" },
  "template/unknown-field": { kind: "invalid_argument", title: "An expression names a field that does not exist" },
  "template/unknown-function": {
    kind: "invalid_argument",
    title: "An expression calls a function that does not exist",
  },
  "template/unused-input": { kind: "invalid_argument", title: "An input that no template uses" },
  "template/wrong-type": { kind: "invalid_argument", title: "An expression gives the wrong type for its place" },
  "template/mixed-string": {
    kind: "invalid_argument",
    title: "An expression inside text is not a string",
    hint: "Convert it with string(…), or make the expression the whole value.",
  },
  "template/shell-injection": {
    kind: "invalid_argument",
    title: "An expression inside a shell string",
    hint: 'Pass the value by env and write "$NAME" in the script: the shell then cannot take it for code.',
  },
  "template/secret": {
    kind: "invalid_argument",
    title: "A secret outside its place",
    hint: "A secret may only be a whole value directly in env or kwargs: `TOKEN: ${inputs.token}`.",
  },
  "template/evaluation": { kind: "invalid_argument", title: "An expression failed" },
  "template/condition": {
    kind: "invalid_argument",
    title: "A condition that does not give true or false",
    hint: "Write one expression over this package's inputs: `when: ${inputs.gpu}`, `when: ${inputs.shards > 8}`.",
  },
  "template/budget": {
    kind: "resource_exhausted",
    title: "A template does too much",
    hint: "Make the lists smaller or the expressions simpler; a template describes work, it does not do it.",
  },
  "resource/unknown-kind": { kind: "invalid_argument", title: "Not a kind of resource" },
  "resource/unknown-field": { kind: "invalid_argument", title: "Not a field of the ColonyOS object" },
  "resource/missing-field": { kind: "invalid_argument", title: "A field that ColonyOS needs is missing" },
  "resource/wrong-type": { kind: "invalid_argument", title: "A field has the wrong type" },
  "resource/invalid-value": {
    kind: "invalid_argument",
    title: "A field has a value that ColonyOS or its executors refuse",
  },
  "resource/max-exec-time": {
    kind: "invalid_argument",
    title: "maxexectime 0 ends the process at once",
    hint: "Use -1 for no limit, or the seconds that the work may take.",
  },
  "resource/max-wait-time": {
    kind: "invalid_argument",
    title: "A waiting limit on a node that waits for others",
    hint: "Put maxwaittime on nodes without dependencies only.",
  },
  "resource/unit": {
    kind: "invalid_argument",
    title: "A quantity that ColonyOS misreads",
    hint: "Write processors as <int>m (1000m is one) and memory as <int>Mi or <int>Gi.",
  },
  "resource/storage": { kind: "invalid_argument", title: "A demand for storage, which is never met" },
  "resource/any-executor": { kind: "invalid_argument", title: 'An executor called "*"' },
  "resource/too-long": {
    kind: "invalid_argument",
    title: "A text longer than the server can index",
    hint: "Keep it under 2000 characters.",
  },
  "resource/empty-workflow": {
    kind: "invalid_argument",
    title: "A workflow without nodes",
    hint: "Give it a node, or leave the whole document out with $if.",
  },
  "resource/cycle": { kind: "invalid_argument", title: "A workflow whose nodes wait for one another" },
  "resource/unknown-node": { kind: "invalid_argument", title: "A dependency on a node that does not exist" },
  "resource/duplicate-node": {
    kind: "invalid_argument",
    title: "Two nodes of one workflow have the same name",
    hint: "In a $for, make the variable a part of the name: `nodename: map-${string(n)}`.",
  },
  "resource/name": {
    kind: "invalid_argument",
    title: "A name that ColonyOS cannot store",
    hint: "Use letters, digits, dots, dashes and underscores, at most 128.",
  },
  "resource/reserved": { kind: "invalid_argument", title: "A name that CPM uses itself" },
  "resource/cron": {
    kind: "invalid_argument",
    title: "Not a cron expression of ColonyOS",
    hint: "ColonyOS has six fields, seconds first: `0 0 3 * * *` is three in the morning.",
  },
  "resource/generator": { kind: "invalid_argument", title: "Arguments that a generator takes away" },
  "resource/container": {
    kind: "invalid_argument",
    title: "A container executor would refuse this",
    hint: "Executors of containers need execute, docker-image, cmd, nodes, processespernode, cpu, walltime, maxexectime and maxretries.",
  },
  "resource/container-shell": { kind: "invalid_argument", title: "Text that a container executor's shell takes apart" },
  "resource/local-executor": {
    kind: "invalid_argument",
    title: "The local executor would refuse this",
    hint: "It runs `execute` with kwargs cmd (a program) and args (a list of strings).",
  },
  "resource/handler": { kind: "invalid_argument", title: "Half a handler" },
  "resource/unchecked-schema": {
    kind: "invalid_argument",
    title: "A part of a schema that the server does not enforce",
  },
  "resource/no-mount": { kind: "invalid_argument", title: "Files that are never synchronised" },
  "resource/lost-snapshot": { kind: "invalid_argument", title: "A snapshot that is deleted after the run" },
  "resource/nul": {
    kind: "invalid_argument",
    title: "Text with a NUL character",
    hint: "Remove it, or encode the text (base64).",
  },
  "resource/rounded-number": { kind: "invalid_argument", title: "A whole number that ColonyOS rounds" },
  "resource/ignored": { kind: "invalid_argument", title: "A field without effect" },
} as const;

export type TemplateErrorCode = keyof typeof templateErrors;

/** All the faults of a package's templates in one error; the first one is its message. */
export function invalidTemplates(diagnostics: readonly Diagnostic[]): CpmError {
  const first = diagnostics.find((diagnostic) => diagnostic.severity === "error") ?? diagnostics[0];
  const more = diagnostics.length > 1 ? ` (and ${diagnostics.length - 1} more)` : "";
  const message =
    first === undefined
      ? "the templates are wrong"
      : `${formatDiagnostic({ ...first, hint: undefined }).split("\n")[0]}${more}`;
  return createError(templateErrors, "template/invalid", message, { diagnostics });
}

/** One fault at one place; `code` decides the hint unless one is given. */
export function templateFault(
  code: TemplateErrorCode,
  diagnostic: Omit<Diagnostic, "code" | "severity">,
  severity: Diagnostic["severity"] = "error",
): Diagnostic {
  const entry: ErrorEntry = templateErrors[code];
  return { code, severity, ...diagnostic, hint: diagnostic.hint ?? entry.hint };
}
