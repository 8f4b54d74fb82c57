import { Fault } from "#base/fault.ts";
import { takeFlags } from "../flags.ts";
import type { From, Instruction } from "../instruction.ts";
import { parseDockerfile, type Dockerfile } from "../parse.ts";
import { type RawInstruction, splitDockerfile } from "../split.ts";
import { splitWords } from "../words.ts";
import { CheckFindings } from "./findings.ts";
import { parseCheckOptions } from "./options.ts";
import { rules } from "./rules.ts";

/** A Dockerfile with what it is written as. */
export interface CheckedSyntax {
  readonly dockerfile: Dockerfile;
  /** Of an instruction or a FROM. */
  readonly rawOf: ReadonlyMap<Instruction | From, RawInstruction>;
}

/** @throws {Fault} `invalid` for options that make no sense, or a Dockerfile that cannot even be split */
export function openFindings(source: string, option: string | null | undefined): CheckFindings {
  return new CheckFindings(parseCheckOptions(option ?? splitDockerfile(source).directives.check ?? ""));
}

/**
 * Parses a Dockerfile and checks how it is written.
 *
 * @param findings get what is found, also before the instruction for which this throws
 * @throws {Fault} as {@link parseDockerfile}
 */
export function checkSyntax(source: string, name: string, findings: CheckFindings): CheckedSyntax {
  if (source === "") throw new Fault("invalid", "the Dockerfile cannot be empty");
  const { instructions } = splitDockerfile(source);
  if (instructions.length === 0)
    throw new Fault("invalid", "file with no instructions", { detail: { line: 1 } });
  for (const { emptyBefore } of instructions)
    if (emptyBefore !== undefined)
      findings.add(
        rules.noEmptyContinuation,
        { first: emptyBefore, last: emptyBefore },
        "Empty continuation line",
      );
  const rawOf = new Map<Instruction | From, RawInstruction>();
  const seen = (raw: RawInstruction, parsed: Instruction | From) => {
    rawOf.set(parsed, raw);
    checkInstruction(raw, findings);
  };
  const dockerfile = parseDockerfile(source, { name, allowsDoubleNames: true, seen });
  checkCasing(dockerfile, rawOf, findings);
  checkStageNames(dockerfile, findings);
  return { dockerfile, rawOf };
}

function checkInstruction(raw: RawInstruction, findings: CheckFindings): void {
  const { keyword, lines } = raw;
  if (keyword === "FROM") checkFrom(raw, findings);
  if (keyword === "MAINTAINER")
    findings.add(
      rules.maintainerDeprecated,
      lines,
      "Maintainer instruction is deprecated in favor of using label",
    );
  if (keyword === "ARG") checkDescription(raw, namesOfArg(raw), findings);
}

function namesOfArg({ rest }: RawInstruction): readonly string[] {
  return splitWords(rest, "\\").map((word) => word.split("=", 1)[0] ?? "");
}

function checkFrom(raw: RawInstruction, findings: CheckFindings): void {
  const { word, rest, lines } = raw;
  const [, as, name] = splitWords(takeFlags(rest, "\\").rest, "\\");
  if (as === undefined || name === undefined) return;
  const lower = name.toLowerCase();
  if (name !== lower) findings.add(rules.stageNameCasing, lines, `Stage name '${name}' should be lowercase`);
  const isMixed = isMixedCase(word);
  const fits = word === word.toLowerCase() ? as === as.toLowerCase() : as === as.toUpperCase();
  if (isMixed ? isMixedCase(as) : !fits) {
    const shown = word === word.toUpperCase() ? "FROM" : word.toLowerCase();
    findings.add(rules.fromAsCasing, lines, `'${as}' and '${shown}' keywords' casing do not match`);
  }
  checkDescription(raw, [lower], findings);
}

function isMixedCase(word: string): boolean {
  return word !== word.toLowerCase() && word !== word.toUpperCase();
}

/** The last comment above begins with what it describes. */
function checkDescription(raw: RawInstruction, names: readonly string[], findings: CheckFindings): void {
  const last = raw.comments.at(-1);
  if (last === undefined || names.includes(last.split(" ", 1)[0] ?? "")) return;
  const example = names.length > 1 ? "<arg_key>" : names[0];
  findings.add(
    rules.invalidDefinitionDescription,
    raw.lines,
    `Comment for ${raw.keyword} should follow the format: \`# ${example} <description>\``,
  );
}

function checkCasing({ stages }: Dockerfile, rawOf: CheckedSyntax["rawOf"], findings: CheckFindings): void {
  const all = stages
    .flatMap(({ from, instructions }) => [from, ...instructions])
    .flatMap((each) => rawOf.get(each) ?? []);
  const isLower = ({ word }: RawInstruction) => word === word.toLowerCase();
  const isUpper = ({ word }: RawInstruction) => word === word.toUpperCase();
  const prefersLower = all.filter(isLower).length > all.filter(isUpper).length;
  for (const raw of all)
    if (!(prefersLower ? isLower(raw) : isUpper(raw)))
      findings.add(
        rules.consistentInstructionCasing,
        raw.lines,
        `Command '${raw.word}' should match the case of the command majority (${prefersLower ? "lowercase" : "uppercase"})`,
      );
}

function checkStageNames({ stages }: Dockerfile, findings: CheckFindings): void {
  const seen = new Set<string>();
  for (const { name, lines } of stages.map(({ from }) => from)) {
    if (name === undefined) continue;
    if (name === "context" || name === "scratch")
      findings.add(
        rules.reservedStageName,
        lines,
        `Stage name should not use the same name as reserved stage "${name}"`,
      );
    if (seen.has(name))
      findings.add(
        rules.duplicateStageName,
        lines,
        `Duplicate stage name "${name}", stage names should be unique`,
      );
    seen.add(name);
  }
}
