/** Bounds on what a template may cost. A template comes with a package from a stranger. */
export interface TemplateLimits {
  /** UTF-16 code units of all the files of `templates/`. */
  readonly maxTextLength: number;
  /** Line ends, commas, brackets and colons in them: what a reader of YAML takes time for. */
  readonly maxTextMarks: number;
  /** YAML documents in them. */
  readonly maxDocuments: number;
  /** UTF-16 code units of one expression. */
  readonly maxExpressionLength: number;
  /** Nodes of one parsed expression, macros expanded. */
  readonly maxExpressionNodes: number;
  /** UTF-16 code units of all expressions, the same one counted once. */
  readonly maxExpressionsLength: number;
  /** Words and signs of all expressions, and four for each, the same one counted once: what parsing them costs. */
  readonly maxExpressionsWords: number;
  /** Evaluation steps of one whole rendering: one for each node evaluated and each element or 16 characters touched. */
  readonly maxSteps: number;
  /** Values (maps, lists and leaves) in the whole output. */
  readonly maxOutputValues: number;
  /** UTF-16 code units of text in the whole output. */
  readonly maxOutputLength: number;
  /** How deep the output may nest. */
  readonly maxDepth: number;
}

/** Templates that use all of any one of these are read, checked and rendered in about 100 ms on an idle core. */
export const defaultTemplateLimits: TemplateLimits = {
  maxTextLength: 262_144,
  maxTextMarks: 8000,
  maxDocuments: 250,
  maxExpressionLength: 2048,
  maxExpressionNodes: 1000,
  maxExpressionsLength: 16_000,
  maxExpressionsWords: 4000,
  maxSteps: 40_000,
  maxOutputValues: 50_000,
  maxOutputLength: 1_048_576,
  maxDepth: 64,
};

/** Faults shown at once; with more, the templates are wrong in a way that a list does not help. */
export const maxFaults = 100;
