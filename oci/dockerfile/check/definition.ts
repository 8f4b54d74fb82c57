import type { RawInstruction } from "../split.ts";

/** What the comments right above say of a stage or an argument: `name what it is`. Empty when they say nothing. */
export function descriptionOf({ comments }: Pick<RawInstruction, "comments">, name: string): string {
  const found = name === "" ? undefined : comments.find((comment) => comment.startsWith(`${name} `));
  return found === undefined ? "" : found.slice(name.length + 1);
}
