import assert from "node:assert/strict";
import { test } from "node:test";
import { answerAbout, type CheckSubject } from "./dockerfile-check.ts";

const host = { os: "linux", architecture: "amd64" };

function subject(source: string, more: Partial<CheckSubject> = {}): CheckSubject {
  const base = async () => ({ Env: ["PATH=/bin"] });
  return { source, name: "Dockerfile", args: {}, target: "", platform: host, host, base, ...more };
}

interface Result {
  readonly warnings:
    | readonly { ruleName: string; detail: string; location: { ranges: { start: { line: number } }[] } }[]
    | null;
  readonly buildError?: { message: string; location: { ranges?: { start: { line: number } }[] } };
}

async function check(lines: readonly string[], more: Partial<CheckSubject> = {}, ignore = "") {
  const answer = await answerAbout(
    "frontend.lint",
    subject(`${lines.join("\n")}\n`, more),
    async () => ignore,
  );
  return JSON.parse(answer.get("result.json") ?? "") as Result;
}

/** `line Rule: detail` of each, and the error. */
async function told(lines: readonly string[], more: Partial<CheckSubject> = {}, ignore = "") {
  const { warnings, buildError } = await check(lines, more, ignore);
  const shown = (warnings ?? []).map(
    ({ ruleName, detail, location }) => `${location.ranges[0]?.start.line} ${ruleName}: ${detail}`,
  );
  if (buildError !== undefined)
    shown.push(`${buildError.location.ranges?.[0]?.start.line ?? "-"} ERROR: ${buildError.message}`);
  return shown;
}

const cases: readonly (readonly [
  name: string,
  dockerfile: readonly string[],
  expected: readonly string[],
])[] = [
  ["a Dockerfile without fault", ["FROM base", 'CMD ["a"]'], []],
  [
    "names of stages",
    ["FROM base AS Build", "FROM base as b", "FROM base AS b", "FROM base AS scratch"],
    [
      "1 StageNameCasing: Stage name 'Build' should be lowercase",
      "2 FromAsCasing: 'as' and 'FROM' keywords' casing do not match",
      '3 DuplicateStageName: Duplicate stage name "b", stage names should be unique',
      '4 ReservedStageName: Stage name should not use the same name as reserved stage "scratch"',
    ],
  ],
  [
    "casing, by what most have",
    ["from base", "run a", "RUN b"],
    [
      "3 ConsistentInstructionCasing: Command 'RUN' should match the case of the command majority (lowercase)",
    ],
  ],
  [
    "empty lines in an instruction, at the instruction's end",
    ["FROM base", "RUN a \\", "  # comment", "", "  b", "RUN c \\", ""],
    ["5 NoEmptyContinuation: Empty continuation line", "7 NoEmptyContinuation: Empty continuation line"],
  ],
  [
    "what runs in a shell without need",
    ["FROM base", "CMD a", "ENTRYPOINT b", 'SHELL ["/bin/sh", "-c"]', "FROM base", 'SHELL ["x"]', "CMD c"],
    [
      "2 JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
      "3 JSONArgsRecommended: JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS signals",
    ],
  ],
  [
    "instructions of which the last counts, at those before it",
    ["FROM base", 'CMD ["a"]', 'CMD ["b"]', "HEALTHCHECK NONE", "HEALTHCHECK NONE", "FROM base", 'CMD ["c"]'],
    [
      "2 MultipleInstructionsDisallowed: Multiple CMD instructions should not be used in the same stage because only the last one will be used",
      "4 MultipleInstructionsDisallowed: Multiple HEALTHCHECK instructions should not be used in the same stage because only the last one will be used",
    ],
  ],
  [
    "variables that nothing sets, with those that may be meant",
    ["FROM base", "ARG known", "ENV A=$known B=$PAHT C=${D:-x}", "COPY $E $A /x", "LABEL l=$AB", "EXPOSE $P"],
    [
      "3 UndefinedVar: Usage of undefined variable '$PAHT' (did you mean $PATH?)",
      "3 UndefinedVar: Usage of undefined variable '$D'",
      "4 UndefinedVar: Usage of undefined variable '$E' (did you mean $A?)",
      "5 UndefinedVar: Usage of undefined variable '$AB' (did you mean $A?)",
    ],
  ],
  [
    "variables of the stage below",
    ["FROM base AS a", "ENV X=1", "ARG Y", "FROM a", "ENV Z=$X$Y$W"],
    ["5 UndefinedVar: Usage of undefined variable '$W' (did you mean $X?)"],
  ],
  [
    "relative folders, once",
    [
      "FROM base AS a",
      "WORKDIR a",
      "WORKDIR b",
      "FROM a",
      "WORKDIR c",
      "FROM base",
      "WORKDIR /d",
      "WORKDIR e",
    ],
    ['2 WorkdirRelativePath: Relative workdir "a" can have unexpected results if the base image changes'],
  ],
  [
    "old forms",
    ["FROM base", "ENV a b", "LABEL c d", "MAINTAINER e"],
    [
      "4 MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label",
      '2 LegacyKeyValueFormat: "ENV key=value" should be used instead of legacy "ENV key value" format',
      '3 LegacyKeyValueFormat: "LABEL key=value" should be used instead of legacy "LABEL key value" format',
    ],
  ],
  [
    "secrets by their names",
    ["ARG GLOBAL_TOKEN", "FROM base", "ARG API_KEY MONKEY", "ENV PASSWORD=a PUBLIC_KEY=b my_pass=c"],
    [
      '3 SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ARG "API_KEY")',
      '4 SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions for sensitive data (ENV "PASSWORD")',
    ],
  ],
  [
    "platforms that say nothing, or too much",
    [
      "FROM --platform=$TARGETPLATFORM base",
      "FROM --platform=linux/amd64 base",
      "FROM --platform=linux/amd64 base AS build-amd64",
      "FROM --platform=$BUILDPLATFORM base",
    ],
    [
      "1 RedundantTargetPlatform: Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
      '2 FromPlatformFlagConstDisallowed: FROM --platform flag should not use constant value "linux/amd64"',
    ],
  ],
  [
    "an image that is nothing by default",
    ["ARG IMG", "FROM $IMGG"],
    [
      "2 InvalidDefaultArgInFrom: Default value for ARG $IMGG results in empty or invalid base image name",
      "2 UndefinedArgInFrom: FROM argument 'IMGG' is not declared (did you mean IMG?)",
      "2 ERROR: base name ($IMGG) should not be blank",
    ],
  ],
  [
    "a platform that is nothing",
    ["FROM --platform=$BUILDPLATFROM base"],
    [
      "1 UndefinedArgInFrom: FROM argument 'BUILDPLATFROM' is not declared (did you mean BUILDPLATFORM?)",
      "1 ERROR: empty platform value from expression $BUILDPLATFROM (did you mean BUILDPLATFORM?)",
    ],
  ],
  [
    "ports",
    ["FROM base", "ARG P=1/UDP", "EXPOSE 80/TCP $P 127.0.0.1:80:80", "EXPOSE 1/x"],
    [
      "3 ExposeProtoCasing: Defined protocol '80/TCP' in EXPOSE instruction should be lowercase",
      "3 ExposeProtoCasing: Defined protocol '1/UDP' in EXPOSE instruction should be lowercase",
      "3 ExposeInvalidFormat: EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'",
      '4 ERROR: invalid port: "1/x": invalid proto: x',
    ],
  ],
  [
    "descriptions, where they are asked for",
    ["# check=experimental=all", "# wrong", "ARG a", "# b right", "ARG b=1", "# C no", "FROM base AS c"],
    [
      "3 InvalidDefinitionDescription: Comment for ARG should follow the format: `# a <description>`",
      "7 InvalidDefinitionDescription: Comment for FROM should follow the format: `# c <description>`",
    ],
  ],
  [
    "what is skipped, and warnings that are errors",
    ["# check=skip=FromAsCasing;error=true", "FROM base as A"],
    [
      "2 StageNameCasing: Stage name 'A' should be lowercase",
      "- ERROR: lint violation found for rules: StageNameCasing",
    ],
  ],
  ["everything skipped", ["# check=skip=all", "FROM base as A", "MAINTAINER x"], []],
  [
    "options that are none",
    ["# check=foo=bar", "FROM base"],
    ['- ERROR: failed to parse check options: invalid check option "foo"'],
  ],
  [
    "what comes before a broken line",
    ["FROM base AS A", "FOO"],
    [
      "1 StageNameCasing: Stage name 'A' should be lowercase",
      "2 ERROR: dockerfile parse error on line 2: unknown instruction: FOO (did you mean FROM?)",
    ],
  ],
];

for (const [name, dockerfile, expected] of cases)
  test(`the check tells of ${name}`, async () => {
    assert.deepEqual(await told(dockerfile), expected);
  });

test("the check tells of files that the context leaves out, where it is asked for", async () => {
  const lines = ["# check=experimental=CopyIgnoredFile", "FROM base", "COPY a keep /x/", "ADD *.log /x/"];
  assert.deepEqual(await told([...lines, "COPY --from=base a /x"], {}, "a\n*.log\nkee\n"), [
    '3 CopyIgnoredFile: Attempting to Copy file "a" that is excluded by .dockerignore',
    '4 CopyIgnoredFile: Attempting to Add file "*.log" that is excluded by .dockerignore',
  ]);
});

test("with a target only the stages that it needs are gone through, and the client's options count", async () => {
  const lines = ["FROM base AS a", "ENV A=$B", "FROM base AS b", "ENV C=$D"];
  assert.equal((await told(lines)).length, 2);
  assert.deepEqual(await told(lines, { target: "a" }), ["2 UndefinedVar: Usage of undefined variable '$B'"]);
  const skipped = { BUILDKIT_DOCKERFILE_CHECK: "skip=UndefinedVar" };
  assert.deepEqual(await told(lines, { args: skipped }), []);
});

test("each line of an instruction is a range, and the text marks all of them", async () => {
  const source = "FROM base\nCMD a \\\n  b\nUSER x\nUSER y\n";
  const answer = await answerAbout("frontend.lint", subject(source), async () => "");
  const { warnings } = JSON.parse(answer.get("result.json") ?? "") as Result;
  assert.deepEqual(
    warnings?.[0]?.location.ranges.map(({ start }) => start.line),
    [2, 3],
  );
  assert.equal(
    answer.get("result.txt"),
    "\nWARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/\n" +
      "JSON arguments recommended for CMD to prevent unintended behavior related to OS signals\n" +
      "Dockerfile:2\n--------------------\n   1 |     FROM base\n   2 | >>> CMD a \\\n   3 | >>>   b\n   4 |     USER x\n--------------------\n",
  );
  assert.equal(answer.get("result.statuscode"), "1");
});

test("an outline has the arguments, secrets and agents of a target", async () => {
  const source = [
    "# V of base",
    "ARG V=1",
    "ARG UNUSED",
    "FROM base:$V AS one",
    "# FOO is foo",
    "ARG FOO=bar",
    "ARG TARGETARCH BAZ=$FOO",
    "RUN --mount=type=secret,id=s,required --mount=type=ssh x",
    "# two what it is",
    "FROM one AS two",
    "FROM base AS three",
    "ARG NO",
  ].join("\n");
  const given = { target: "two", args: { FOO: "given" } };
  const answer = await answerAbout("frontend.outline", subject(source, given), async () => "");
  assert.equal(
    answer.get("result.txt"),
    "TARGET:      two\nDESCRIPTION: what it is\n\n" +
      "BUILD ARG   VALUE   DESCRIPTION\nV           1       of base\nFOO         given   is foo\nBAZ         given   \n\n" +
      "SECRET   REQUIRED\ns        true\n\nSSH       REQUIRED\ndefault   \n\n",
  );
  const { args } = JSON.parse(answer.get("result.json") ?? "") as {
    args: { name: string; location: object }[];
  };
  assert.deepEqual(args[0], {
    name: "V",
    description: "of base",
    value: "1",
    location: { ranges: [{ start: { line: 2 }, end: { line: 2 } }] },
  });
});

test("targets are listed with their bases and what comments say of them", async () => {
  const source = "# a is A\n#\nFROM base AS a\n# b is B\nFROM a AS b\nFROM scratch\n";
  const answer = await answerAbout("frontend.targets", subject(source), async () => "");
  assert.equal(answer.get("result.txt"), "TARGET    DESCRIPTION\na         \nb         is B\n(default) \n");
});

test("another question is refused", async () => {
  const asked = answerAbout("frontend.nope", subject("FROM base\n"), async () => "");
  await assert.rejects(asked, { message: "unsupported request frontend.nope" });
});
