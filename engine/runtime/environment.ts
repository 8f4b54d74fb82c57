const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface EnvironmentInput {
  readonly hostname: string;
  readonly isTerminal: boolean;
  readonly home: string;
  /** From the image and the request, later ones win. */
  readonly variables: readonly string[];
}

/**
 * A process's environment in Docker's order: PATH, HOSTNAME, TERM, then the given ones, HOME last. A given variable replaces a
 * default in its place; a name without `=` takes it away.
 */
export function planEnvironment({
  hostname,
  isTerminal,
  home,
  variables,
}: EnvironmentInput): readonly string[] {
  const defaults = [`PATH=${PATH}`, `HOSTNAME=${hostname}`, ...(isTerminal ? ["TERM=xterm"] : [])];
  const env = mergeEnvironment(defaults, variables);
  // Set here always, so that the runtime has no reason to look into the image's passwd.
  const hasHome = env.some((entry) => entry.startsWith("HOME=") && entry !== "HOME=");
  return hasHome ? env : [...env.filter((entry) => entry !== "HOME="), `HOME=${home}`];
}

/** `base` with `overrides` in the places of what they replace, or at the end. */
function mergeEnvironment(base: readonly string[], overrides: readonly string[]): readonly string[] {
  const merged = new Map(base.map((entry) => [nameOf(entry), entry]));
  for (const entry of overrides) {
    if (entry.includes("=")) merged.set(nameOf(entry), entry);
    else merged.delete(entry);
  }
  return [...merged.values()];
}

function nameOf(entry: string): string {
  return entry.split("=", 1)[0] ?? entry;
}
