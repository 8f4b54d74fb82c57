/**
 * Replaces `$(NAME)` by the variable's value; `$$` stands for one `$`. What names no variable stays as it is.
 *
 * @see Kubernetes API 1.36, core/v1 Container.command
 */
export function expandVariables(text: string, variables: ReadonlyMap<string, string>): string {
  return expandWith(text, (name) => variables.get(name) ?? `$(${name})`);
}

/** The same, by a function that says what a name becomes. */
export function expandWith(text: string, valueOf: (name: string) => string): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/g, (all, name: string | undefined) =>
    all === "$$" ? "$" : valueOf(name ?? ""),
  );
}
