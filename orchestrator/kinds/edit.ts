import type { Draft } from "#orchestrator/machinery/resource.ts";

/** A draft as the type that its kind has, to be read: what it holds has been checked against the schema. */
export function view<T>(draft: Draft): T {
  return draft as unknown as T;
}

/** The same to be changed in place. */
export function edit<T>(draft: Draft): Writable<T> {
  return draft as unknown as Writable<T>;
}

/** A type of the API without its `readonly`, all the way down. */
export type Writable<T> = T extends readonly (infer Item)[]
  ? Writable<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]: Writable<T[Key]> }
    : T;
