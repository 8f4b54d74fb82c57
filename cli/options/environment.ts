import { readFileSync } from "node:fs";
import { Fault } from "#base/fault.ts";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Variables of files and flags in order, later ones after earlier ones. A name alone is looked up, and left out when there is no
 * such variable here.
 *
 * @throws {Fault} `invalid` for a file that cannot be read or a name that is none
 */
export function collectEnvironment(
  files: readonly string[],
  flags: readonly string[],
  env: Env,
): readonly string[] {
  const found = files.flatMap((path) => readKeyValueFile(path, (name) => env[name]));
  for (const flag of flags) {
    if (flag.startsWith("=") || flag === "")
      throw new Fault(
        "invalid",
        `invalid argument "${flag}" for "-e, --env" flag: invalid environment variable: ${flag}`,
      );
    if (flag.includes("=")) found.push(flag);
    else if (env[flag] !== undefined) found.push(`${flag}=${env[flag]}`);
  }
  return found;
}

/** Labels of files and flags; a label without a value has an empty one. */
export function collectLabels(
  files: readonly string[],
  flags: readonly string[],
): Readonly<Record<string, string>> {
  const lines = [...files.flatMap((path) => readKeyValueFile(path, () => undefined)), ...flags];
  return keyValues(lines);
}

/** `KEY=VALUE` lines as an object; a missing value is empty. */
export function keyValues(lines: readonly string[]): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const line of lines) {
    const equals = line.indexOf("=");
    if (equals < 0) found[line] = "";
    else found[line.slice(0, equals)] = line.slice(equals + 1);
  }
  return found;
}

function readKeyValueFile(path: string, lookUp: (name: string) => string | undefined): string[] {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why =
      code === "ENOENT"
        ? "no such file or directory"
        : code === "EISDIR"
          ? "is a directory"
          : "permission denied";
    throw new Fault("invalid", `open ${path}: ${why}`);
  }
  const lines: string[] = [];
  content
    .replace(/^\uFEFF/, "")
    .split("\n")
    .forEach((raw, index) => {
      const line = raw.trimStart().replace(/\r$/, "");
      if (line === "" || line.startsWith("#")) return;
      const equals = line.indexOf("=");
      const name = equals < 0 ? line : line.slice(0, equals);
      if (/\s/.test(name.trimEnd()) || name === "" || (equals >= 0 && /\s/.test(name)))
        throw new Fault(
          "invalid",
          name === ""
            ? `invalid env file (${path}): no variable name on line '${line}'`
            : `invalid env file (${path}): variable '${name}' contains whitespaces`,
        );
      void index;
      if (equals >= 0) lines.push(`${name}=${line.slice(equals + 1)}`);
      else {
        const value = lookUp(name.trim());
        if (value !== undefined) lines.push(`${name.trim()}=${value}`);
      }
    });
  return lines;
}
