/** Bounds on what a template may cost. A template comes with a package from a stranger. */
export interface TemplateLimits {
  /** UTF-16 code units of one expression. */
  readonly maxExpressionLength: number;
  /** Nodes of one parsed expression. */
  readonly maxExpressionNodes: number;
  /** Evaluation steps of one whole rendering: about one for each node evaluated and each element or 64 bytes touched. */
  readonly maxSteps: number;
  /** Values (maps, lists and leaves) in the whole output. */
  readonly maxOutputValues: number;
  /** Bytes of text in the whole output, in UTF-16 code units. */
  readonly maxOutputLength: number;
  /** How deep the output may nest. */
  readonly maxDepth: number;
}

/** A rendering that uses all of these ends in well under 100 ms on one core. */
export const defaultTemplateLimits: TemplateLimits = {
  maxExpressionLength: 4096,
  maxExpressionNodes: 1000,
  maxSteps: 40_000,
  maxOutputValues: 100_000,
  maxOutputLength: 4 << 20,
  maxDepth: 64,
};
