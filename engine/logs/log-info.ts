import { parsePattern } from "./go-values.ts";

/** What log drivers know of a container, as dockerd hands it to its own. */
export interface LogInfo {
  readonly options: Readonly<Record<string, string>>;
  readonly containerId: string;
  /** Without the slash. */
  readonly containerName: string;
  /** First word of the command, and the rest of it. */
  readonly entrypoint: string;
  readonly args: readonly string[];
  readonly imageId: string;
  readonly imageName: string;
  /** RFC 3339 with nanoseconds. */
  readonly created: string;
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly hostname: string;
  /** Where its json-file log is; empty for other drivers. */
  readonly logPath: string;
}

/**
 * The labels and variables that the options `labels`, `labels-regex`, `env` and `env-regex` name, by name.
 *
 * @throws {Fault} `invalid` for a broken expression
 */
export function extraAttributes(info: LogInfo): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const labels = new Map(Object.entries(info.labels));
  const env = new Map(
    info.env.flatMap((entry) => {
      const at = entry.indexOf("=");
      return at < 0 ? [] : [[entry.slice(0, at), entry.slice(at + 1)] as const];
    }),
  );
  choose(found, labels, info.options["labels"], info.options["labels-regex"]);
  choose(found, env, info.options["env"], info.options["env-regex"]);
  return found;
}

function choose(
  found: Map<string, string>,
  values: ReadonlyMap<string, string>,
  names = "",
  pattern = "",
): void {
  for (const name of names.split(",")) {
    const value = values.get(name);
    if (name !== "" && value !== undefined) found.set(name, value);
  }
  if (pattern === "") return;
  const expression = parsePattern(pattern);
  for (const [name, value] of values) if (expression.test(name)) found.set(name, value);
}
