import type { SourceFile, SourceRange } from "@cpm/model";
import type { Expression } from "./cel/expression.ts";

/** A template after parsing: the tree of the YAML document with its expressions in place. */
export type TemplateNode = TemplateLiteral | TemplateExpression | TemplateText | TemplateList | TemplateMap;

interface Placed {
  readonly file: SourceFile;
  readonly range: SourceRange;
}

export interface TemplateLiteral extends Placed {
  readonly kind: "literal";
  readonly value: null | boolean | bigint | number | string;
}

/** A leaf that is exactly one expression: it takes the expression's typed value. */
export interface TemplateExpression extends Placed {
  readonly kind: "expression";
  readonly expression: Expression;
}

/** Text with expressions in it, each of which must give a string. */
export interface TemplateText extends Placed {
  readonly kind: "text";
  readonly parts: readonly (string | Expression)[];
}

export interface TemplateList extends Placed {
  readonly kind: "list";
  readonly items: readonly TemplateNode[];
}

export interface TemplateMap extends Placed {
  readonly kind: "map";
  readonly entries: readonly TemplateEntry[];
  /** `$if`: the map is left out when this is false. */
  readonly condition: Expression | undefined;
  /** `$for`: the map is repeated, in a list or as a document. */
  readonly loop: TemplateLoop | undefined;
  /** `$value`: stands for the map, where what is left out or repeated is not a map. */
  readonly value: TemplateNode | undefined;
}

export interface TemplateEntry {
  readonly key: string;
  readonly keyRange: SourceRange;
  readonly value: TemplateNode;
}

export interface TemplateLoop {
  readonly variable: string;
  readonly over: Expression;
}

/** One YAML document of `templates/`: one resource, or none or several by `$if` and `$for`. */
export interface TemplateDocument {
  readonly file: SourceFile;
  readonly root: TemplateMap;
}
