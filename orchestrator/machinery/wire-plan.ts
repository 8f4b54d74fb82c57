import type { FieldSchema, TypeSchema } from "./schema.ts";

/** How a message is laid out: what stands behind each number. */
export interface WirePlan {
  /** Ascending by number. */
  readonly members: readonly WireMember[];
  readonly byNumber: ReadonlyMap<number, WireMember>;
}

export type WireMember =
  | { readonly number: number; readonly field: FieldSchema; readonly embedded?: undefined }
  /** A message that JSON does not show: its fields stand in the object around it. */
  | { readonly number: number; readonly embedded: WirePlan; readonly field?: undefined };

const plans = new WeakMap<TypeSchema, WirePlan>();

export function wirePlanOf(schema: TypeSchema): WirePlan {
  let plan = plans.get(schema);
  if (plan === undefined) plans.set(schema, (plan = planFields([...schema.fields.values()], 0)));
  return plan;
}

function planFields(fields: readonly FieldSchema[], depth: number): WirePlan {
  const members: WireMember[] = [];
  const embedded = new Map<number, FieldSchema[]>();
  for (const field of fields) {
    const outer = field.embeddedIn[depth];
    if (field.number === undefined) continue;
    if (outer === undefined) members.push({ number: field.number, field });
    else embedded.set(outer, [...(embedded.get(outer) ?? []), field]);
  }
  for (const [number, inner] of embedded) members.push({ number, embedded: planFields(inner, depth + 1) });
  members.sort((a, b) => a.number - b.number);
  return { members, byNumber: new Map(members.map((member) => [member.number, member])) };
}
