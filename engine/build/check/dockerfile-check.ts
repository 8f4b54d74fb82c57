import { Fault, isFault } from "#base/fault.ts";
import { CheckFindings } from "#oci/dockerfile/check/findings.ts";
import type { CheckFailure } from "#oci/dockerfile/check/report.ts";
import { checkSyntax, type CheckedSyntax, openFindings } from "#oci/dockerfile/check/syntax-checks.ts";
import { parseDockerignore } from "#oci/dockerfile/ignore.ts";
import type { Lines } from "#oci/dockerfile/source.ts";
import type { ImageRuntimeConfig } from "#oci/image-config.ts";
import type { Platform } from "#oci/platform.ts";
import { platformArgs } from "../global-args.ts";
import type { BuildArgs } from "../variables.ts";
import { type Answer, checkAnswer, describeAnswer, outlineAnswer, targetsAnswer } from "./answers.ts";
import { portText } from "../config-steps.ts";
import { type CheckedBuild, checkBases, type CheckRequest, checkStages } from "./checked-build.ts";
import { outlineOf } from "./outline.ts";

/** A Dockerfile, and how it is to be built. */
export interface CheckSubject {
  readonly source: string;
  /** For messages. */
  readonly name: string;
  readonly args: BuildArgs;
  readonly target: string;
  readonly platform: Platform;
  readonly host: Platform;
  /** What an image has for a config. @throws {Fault} when there is no such image */
  readonly base: (image: string, platform: Platform | undefined) => Promise<ImageRuntimeConfig>;
}

/** The argument by which clients choose what the check tells; the Dockerfile's own `# check=` does not count then. */
const checkArgument = "BUILDKIT_DOCKERFILE_CHECK";

/** The check of one Dockerfile, in the two parts in which a build comes to it. */
export class DockerfileCheck {
  readonly #subject: CheckSubject;
  readonly #lines = new WeakMap<object, Lines>();
  readonly findings: CheckFindings;
  #syntax: CheckedSyntax | undefined;
  #bases: CheckedBuild | undefined;

  /** @throws {Fault} `invalid` for options that make no sense */
  constructor(subject: CheckSubject) {
    this.#subject = subject;
    const { [checkArgument]: option } = subject.args;
    this.findings = openFindings(subject.source, option);
  }

  /** How the file is written. @throws {Fault} `invalid` */
  readSyntax(): CheckedSyntax {
    this.#syntax ??= checkSyntax(this.#subject.source, this.#subject.name, this.findings);
    return this.#syntax;
  }

  /** Its FROMs. @param isEveryStage of all stages, where no target is asked for @throws {Fault} `invalid` */
  readBases(isEveryStage: boolean): CheckedBuild {
    const syntax = this.readSyntax();
    this.#bases ??= checkBases(syntax, this.#request(isEveryStage, ""), this.findings);
    return this.#bases;
  }

  /** Everything else. @param ignore text of the context's `.dockerignore` @throws {Fault} */
  async readStages(isEveryStage: boolean, ignore: string): Promise<void> {
    const bases = this.readBases(isEveryStage);
    await checkStages(this.readSyntax(), bases, this.#request(isEveryStage, ignore), this.findings);
  }

  /** Lines of the Dockerfile that are to blame for what was thrown. */
  linesOf(error: unknown): Lines | undefined {
    return typeof error === "object" && error !== null ? this.#lines.get(error) : undefined;
  }

  #request(isEveryStage: boolean, ignore: string): CheckRequest {
    const { args, target, platform, host, base } = this.#subject;
    return {
      args,
      target,
      platform,
      host,
      isEveryStage,
      ...(ignore.trim() !== "" && { ignore: parseDockerignore(ignore) }),
      base: (from) => base(from.image, from.platform),
      located: (error, lines) => {
        if (typeof error === "object" && error !== null && !this.#lines.has(error))
          this.#lines.set(error, lines);
      },
    };
  }
}

/**
 * Answers a question about a Dockerfile: `frontend.lint`, `frontend.outline`, `frontend.targets`, `frontend.subrequests.describe`.
 *
 * @throws {Fault} `invalid` for another question, and for a Dockerfile that cannot be read, unless the question is what is wrong with
 *   it
 * @param ignore reads the context's `.dockerignore`
 */
export async function answerAbout(
  question: string,
  subject: CheckSubject,
  ignore: () => Promise<string>,
): Promise<Answer> {
  switch (question) {
    case "frontend.lint":
      return await answerCheck(subject, await ignore());
    case "frontend.outline": {
      const platforms = platformArgs(subject.platform, subject.host);
      const outline = outlineOf(new DockerfileCheck(subject).readSyntax(), { ...subject, platforms });
      return outlineAnswer(outline, subject.source);
    }
    case "frontend.targets":
      return targetsAnswer(new DockerfileCheck(subject).readSyntax());
    case "frontend.subrequests.describe":
      return describeAnswer();
    default:
      throw new Fault("invalid", `unsupported request ${question.slice(0, 200)}`);
  }
}

async function answerCheck(subject: CheckSubject, ignore: string): Promise<Answer> {
  const file = { name: subject.name, text: subject.source };
  let check: DockerfileCheck | undefined;
  try {
    check = new DockerfileCheck(subject);
    await check.readStages(true, ignore);
    const { failure } = check.findings;
    return checkAnswer(check.findings.warnings, file, failure && { message: failure.message });
  } catch (error) {
    if (!isFault(error)) throw error;
    return checkAnswer(check?.findings.warnings ?? [], file, failureOf(error, check?.linesOf(error)));
  }
}

function failureOf(error: Fault, lines: Lines | undefined): CheckFailure {
  const { line } = error.detail;
  const own = typeof line === "number" ? { first: line, last: line } : undefined;
  const where = lines ?? own;
  const text = own === undefined ? portText(error) : (error.message.split("\n", 1)[0] ?? error.message);
  return { message: text, ...(where !== undefined && { lines: where }) };
}
