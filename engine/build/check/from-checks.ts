import { Fault, messageOf } from "#base/fault.ts";
import type { CheckFindings } from "#oci/dockerfile/check/findings.ts";
import { rules } from "#oci/dockerfile/check/rules.ts";
import { expandWord } from "#oci/dockerfile/expand.ts";
import type { From } from "#oci/dockerfile/instruction.ts";
import type { Dockerfile } from "#oci/dockerfile/parse.ts";
import { findNearest } from "#oci/dockerfile/suggest.ts";
import { parsePlatform, type Platform } from "#oci/platform.ts";
import { parseReference } from "#oci/reference.ts";

/** What a FROM comes to. */
export interface CheckedFrom {
  readonly image: string;
  readonly platform: Platform | undefined;
}

type Values = ReadonlyMap<string, string | undefined>;

/**
 * Looks at every FROM of a Dockerfile.
 *
 * @param defaults global arguments as they are when the client gives none
 * @param values global arguments as they are
 * @param located is told the lines of what is thrown
 * @throws {Fault} `invalid` for an image or a platform that comes to nothing
 */
export function checkFroms(
  { stages, directives }: Dockerfile,
  values: { readonly defaults: Values; readonly values: Values; readonly host: Platform },
  findings: CheckFindings,
  located: (error: unknown, from: From) => void,
): readonly CheckedFrom[] {
  const { escape } = directives;
  for (const { from } of stages) checkDefault(from, values.defaults, escape, findings);
  return stages.map(({ from }) => {
    const reader = new FromReader(from, values.values, escape, findings);
    try {
      return { image: reader.image(), platform: reader.platform(values.host) };
    } catch (error) {
      located(error, from);
      throw error;
    }
  });
}

function checkDefault({ image, lines }: From, defaults: Values, escape: string, findings: CheckFindings) {
  try {
    const name = expandWord(image, { lookup: (each) => defaults.get(each), escape });
    if (name !== "") parseReference(name);
    if (name !== "") return;
  } catch {
    // told below
  }
  findings.add(
    rules.invalidDefaultArgInFrom,
    lines,
    `Default value for ARG ${image} results in empty or invalid base image name`,
  );
}

class FromReader {
  readonly #from: From;
  readonly #values: Values;
  readonly #escape: string;
  readonly #findings: CheckFindings;
  #near: string | undefined;

  constructor(from: From, values: Values, escape: string, findings: CheckFindings) {
    this.#from = from;
    this.#values = values;
    this.#escape = escape;
    this.#findings = findings;
  }

  image(): string {
    const { image } = this.#from;
    const name = this.#expand(image);
    if (name === "") throw new Fault("invalid", `base name (${image}) should not be blank`);
    return name;
  }

  platform(host: Platform): Platform | undefined {
    const { platform: written, lines, name = "" } = this.#from;
    if (written === undefined) return undefined;
    const text = this.#expand(written);
    if (written === "$TARGETPLATFORM" || written === "${TARGETPLATFORM}")
      this.#findings.add(
        rules.redundantTargetPlatform,
        lines,
        `Setting platform to predefined ${written} in FROM is redundant as this is the default behavior`,
      );
    if (text === "") {
      const near = this.#near === undefined ? "" : ` (did you mean ${this.#near}?)`;
      throw new Fault("invalid", `empty platform value from expression ${written}${near}`);
    }
    const platform = parsed(text, host);
    const isNamed = name.includes(platform.os) || name.includes(platform.architecture);
    if (text === written && !isNamed)
      this.#findings.add(
        rules.fromPlatformFlagConstDisallowed,
        lines,
        `FROM --platform flag should not use constant value "${written}"`,
      );
    return platform;
  }

  #expand(text: string): string {
    const missed = new Set<string>();
    const lookup = (name: string) => {
      if (!this.#values.has(name)) missed.add(name);
      return this.#values.get(name);
    };
    const expanded = expandWord(text, { lookup, escape: this.#escape });
    for (const name of missed) {
      this.#near = findNearest(name, this.#values.keys());
      const near = this.#near === undefined ? "" : ` (did you mean ${this.#near}?)`;
      this.#findings.add(
        rules.undefinedArgInFrom,
        this.#from.lines,
        `FROM argument '${name}' is not declared${near}`,
      );
    }
    return expanded;
  }
}

function parsed(text: string, host: Platform): Platform {
  try {
    return parsePlatform(text, host);
  } catch (error) {
    throw new Fault("invalid", `failed to parse platform ${text.slice(0, 200)}: ${messageOf(error)}`);
  }
}
