import { Fault } from "#base/fault.ts";
import { findBool } from "#base/go-bool.ts";
import type { CheckRule } from "./rules.ts";

/** What of the check is wanted. */
export interface CheckOptions {
  /** A warning ends the build. */
  readonly isError: boolean;
  /** Whether a file's warnings of this rule are told. */
  tells(rule: CheckRule): boolean;
}

/**
 * The value of `# check=`, and of the build argument BUILDKIT_DOCKERFILE_CHECK: `skip=A,B;error=true;experimental=C`. `all` stands for
 * every rule.
 *
 * @throws {Fault} `invalid` "failed to parse check options"
 */
export function parseCheckOptions(text: string): CheckOptions {
  const skipped = new Set<string>();
  const experimental = new Set<string>();
  let isError = false;
  for (const option of text === "" ? [] : text.split(";")) {
    const equals = option.indexOf("=");
    const [name, value] = [option.slice(0, Math.max(equals, 0)).trim(), option.slice(equals + 1).trim()];
    const names = value.split(",").map((each) => each.trim());
    if (name === "skip") replace(skipped, names);
    else if (name === "experimental") replace(experimental, names);
    else if (name === "error") isError = booleanOf(option, value);
    else throw failure(`invalid check option ${JSON.stringify((equals < 0 ? option : name).slice(0, 100))}`);
  }
  const has = (set: ReadonlySet<string>, name: string) => set.has("all") || set.has(name);
  return {
    isError,
    tells: ({ name, isExperimental }) =>
      isExperimental === true ? has(experimental, name) : !has(skipped, name),
  };
}

function replace(set: Set<string>, names: readonly string[]): void {
  set.clear();
  for (const name of names) set.add(name);
}

function booleanOf(option: string, value: string): boolean {
  const known = findBool(value);
  if (known !== undefined) return known;
  const shown = JSON.stringify(value.slice(0, 100));
  throw failure(
    `failed to parse check option ${JSON.stringify(option.slice(0, 100))}: strconv.ParseBool: parsing ${shown}: invalid syntax`,
  );
}

function failure(reason: string): Fault {
  return new Fault("invalid", `failed to parse check options: ${reason}`);
}
