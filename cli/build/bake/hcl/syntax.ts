/** What an expression comes to. */
export type HclValue = string | number | boolean | null | readonly HclValue[] | HclObject;
export interface HclObject {
  readonly [name: string]: HclValue;
}

export interface HclSource {
  /** Of the file, for messages. */
  readonly name: string;
  readonly text: string;
}

/** A piece of a source, by offsets. */
export interface HclRange {
  readonly source: HclSource;
  readonly start: number;
  readonly end: number;
}

/** Where a name in braces is filled in, or what is there as it is. */
export type TemplatePart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "value"; readonly value: Expression }
  | {
      readonly kind: "if";
      readonly condition: Expression;
      readonly yes: readonly TemplatePart[];
      readonly no: readonly TemplatePart[];
    }
  | {
      readonly kind: "for";
      readonly names: readonly string[];
      readonly over: Expression;
      readonly body: readonly TemplatePart[];
    };

export type Expression = { readonly range: HclRange } & (
  | { readonly kind: "literal"; readonly value: HclValue }
  | { readonly kind: "template"; readonly parts: readonly TemplatePart[] }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "attribute"; readonly of: Expression; readonly name: string }
  | { readonly kind: "index"; readonly of: Expression; readonly key: Expression }
  /** The same of every element; `each` has an `item` in it. */
  | { readonly kind: "splat"; readonly of: Expression; readonly each: Expression }
  | { readonly kind: "item" }
  | {
      readonly kind: "call";
      readonly name: string;
      readonly args: readonly Expression[];
      /** The last argument is a list of arguments. */
      readonly isSpread: boolean;
    }
  | { readonly kind: "unary"; readonly operator: string; readonly operand: Expression }
  | {
      readonly kind: "binary";
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: "conditional";
      readonly condition: Expression;
      readonly yes: Expression;
      readonly no: Expression;
    }
  | { readonly kind: "list"; readonly items: readonly Expression[] }
  | { readonly kind: "object"; readonly items: readonly (readonly [Expression, Expression])[] }
  | {
      readonly kind: "for";
      readonly names: readonly string[];
      readonly over: Expression;
      /** Of an object that is made; absent for a list. */
      readonly key?: Expression;
      readonly value: Expression;
      readonly condition?: Expression;
      /** Values of one key are put together. */
      readonly isGrouped: boolean;
    }
);

export interface HclAttribute {
  readonly value: Expression;
  readonly range: HclRange;
}

export interface HclBlock {
  readonly type: string;
  readonly labels: readonly string[];
  readonly body: HclBody;
  readonly range: HclRange;
}

/** What a file, or a block, consists of. @see github.com/hashicorp/hcl, hclsyntax/spec.md */
export interface HclBody {
  readonly attributes: ReadonlyMap<string, HclAttribute>;
  readonly blocks: readonly HclBlock[];
}
