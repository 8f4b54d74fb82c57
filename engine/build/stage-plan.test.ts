import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "#base/fault.ts";
import { parseDockerfile } from "#oci/dockerfile/parse.ts";
import { planStages } from "./stage-plan.ts";

const file = parseDockerfile(
  `ARG BASE=busybox
FROM $BASE AS a
RUN a
FROM a AS b
FROM scratch AS c
COPY --from=a /x /x
RUN --mount=type=bind,from=1,target=/m true
FROM other AS d
`,
);
const lookup = (name: string) => (name === "BASE" ? "bb:1" : undefined);

test("planStages: what the target needs, in the file's order", () => {
  const plan = planStages(file, "c", lookup);
  assert.deepEqual(
    plan.stages.map(({ stage, image, base, firstStep }) => [stage.from.name, image, base, firstStep]),
    [
      ["a", "bb:1", undefined, 2],
      ["b", "a", 0, 4],
      ["c", "scratch", undefined, 5],
    ],
  );
  assert.equal(plan.steps, 7);
});

test("planStages: the last stage is the target when none is named, and numbers name none", () => {
  assert.deepEqual(
    planStages(file, "", lookup).stages.map(({ stage }) => stage.index),
    [3],
  );
  for (const target of ["z", "0"])
    assert.throws(
      () => planStages(file, target, lookup),
      (error) => isFault(error, "invalid"),
    );
});
