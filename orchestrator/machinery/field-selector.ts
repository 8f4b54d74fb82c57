import { Fault } from "#base/fault.ts";
import { goQuote } from "./go-text.ts";
import type { Draft } from "./resource.ts";

/** One condition on a field of an object. */
export interface FieldRequirement {
  readonly field: string;
  readonly isEqual: boolean;
  readonly value: string;
}

/** Where the values are that a selector of a kind may name, beside its metadata. */
export type SelectableFields = Readonly<Record<string, (object: Draft) => string>> | undefined;

/**
 * Reads what the query `fieldSelector` holds: `metadata.name=a,status.phase!=Running`. A backslash goes before `,`, `=` and itself.
 *
 * @throws {Fault} `invalid` in the words of the API
 * @see Kubernetes, "Field Selectors"
 */
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  return termsOf(text).flatMap((term) => (term === "" ? [] : [requirementOf(text, term)]));
}

function termsOf(text: string): string[] {
  return [...text.matchAll(/(?:[^\\,]|\\[^]?)+/g)].map(([term]) => term).sort();
}

function requirementOf(text: string, term: string): FieldRequirement {
  const [, field, operator, value] = /^(.*?)(!=|==|=)(.*)$/s.exec(term) ?? [];
  if (field === undefined || value === undefined)
    throw new Fault("invalid", `invalid selector: '${text}'; can't understand '${term}'`);
  return { field, isEqual: operator !== "!=", value: unescaped(value) };
}

function unescaped(value: string): string {
  return value.replace(/\\([^]?)|=/gu, (sequence, character: string | undefined) => {
    if (character === undefined)
      throw new Fault("invalid", "invalid field selector: unescaped character in value: 61");
    if (character !== "\\" && character !== "," && character !== "=")
      throw new Fault("invalid", `invalid field selector: invalid escape sequence: ${sequence}`);
    return character;
  });
}

/**
 * That a kind knows the fields.
 *
 * @throws {Fault} `invalid` in the words of the API
 */
export function checkFields(requirements: readonly FieldRequirement[], selectable: SelectableFields): void {
  for (const { field } of requirements) {
    if (field === "metadata.name" || field === "metadata.namespace") continue;
    if (selectable === undefined)
      throw new Fault(
        "invalid",
        `${goQuote(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
      );
    if (!Object.hasOwn(selectable, field)) throw new Fault("invalid", `field label not supported: ${field}`);
  }
}

/** Whether an object's fields are what all requirements ask for; what is absent is an empty text. */
export function matchesFields(
  requirements: readonly FieldRequirement[],
  object: Draft,
  selectable: SelectableFields,
): boolean {
  for (const { field, isEqual, value } of requirements)
    if ((valueOf(object, field, selectable) === value) !== isEqual) return false;
  return true;
}

function valueOf(object: Draft, field: string, selectable: SelectableFields): string {
  const metadata = object["metadata"] as { readonly name?: string; readonly namespace?: string } | undefined;
  if (field === "metadata.name") return metadata?.name ?? "";
  if (field === "metadata.namespace") return metadata?.namespace ?? "";
  return selectable?.[field]?.(object) ?? "";
}

/** The value that a field must have, where the requirements leave just one, e.g. for a watch of one object. */
export function exactValue(requirements: readonly FieldRequirement[], field: string): string | undefined {
  return requirements.find((requirement) => requirement.isEqual && requirement.field === field)?.value;
}
