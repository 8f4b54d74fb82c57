import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { drawExcerpt } from "#oci/dockerfile/excerpt.ts";
import { LineScreen } from "./line-screen.ts";
import { PlainPrinter } from "./plain.ts";
import { rawJson } from "./raw-json.ts";
import { drawScreen } from "./screen.ts";
import { type BuildEvent, shownBytes, Trace } from "./trace.ts";

const at = (ms: number) => ({ seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 });
const step = (
  digest: string,
  name: string,
  started?: number,
  completed?: number,
  more: object = {},
): BuildEvent => ({
  vertexes: [
    {
      digest,
      name,
      ...(started !== undefined && { started: at(started) }),
      ...(completed !== undefined && { completed: at(completed) }),
      ...more,
    },
  ],
});
const log = (vertex: string, text: string, ms: number): BuildEvent => ({
  logs: [{ vertex, stream: 1, msg: Buffer.from(text), timestamp: at(ms) }],
});

function plain(...rounds: readonly (readonly BuildEvent[])[]): string {
  const trace = new Trace();
  let out = "";
  const printer = new PlainPrinter((text) => {
    out += text;
  });
  for (const [round, events] of rounds.entries()) {
    for (const event of events) trace.take(event, 10_000);
    printer.print(trace, 10_000 + round * 100);
  }
  return out;
}

test("PlainPrinter: a step that is done is told whole, with times from its beginning", () => {
  assert.equal(
    plain([
      step("a", "[1/2] RUN x", 1000),
      log("a", "one\ntw", 1500),
      log("a", "o\n", 1600),
      step("a", "[1/2] RUN x", 1000, 3000),
      step("b", "[2/2] RUN y", 3000, 3000, { cached: true }),
    ]),
    "#1 [1/2] RUN x\n#1 0.500 one\n#1 0.500 two\n#1 DONE 2.0s\n\n#2 [2/2] RUN y\n#2 CACHED\n",
  );
});

test("PlainPrinter: a line without an end goes on where it stood, and begins anew after another step", () => {
  assert.equal(
    plain([step("a", "A", 1000), log("a", "par", 1000)], [log("a", "tial\n", 1000)]),
    "#1 A\n#1 0.000 partial\n",
  );
  assert.equal(
    plain(
      [step("a", "A", 1000), log("a", "par", 1000)],
      [step("b", "B", 1000, 1000)],
      [log("a", "t", 1000), step("a", "A", 1000, 1000, { error: "broken" })],
    ),
    "#1 A\n#1 0.000 par\n#1 ...\n\n#2 B\n#2 DONE 0.0s\n\n#1 A\n#1 0.000 par" + "t\n#1 ERROR: broken\n",
  );
});

test("Trace: times at work that overlap count once", () => {
  const trace = new Trace();
  trace.take(step("a", "A", 1000, 2000), 0);
  trace.take(step("a", "A", 1500, 3000), 0);
  trace.take(step("a", "A", 5000, 6000), 0);
  assert.equal([...trace.steps][0]?.workMs(9000), 3000);
});

test("LineScreen: shows what a terminal would, without its codes", () => {
  const screen = new LineScreen();
  for (const piece of [
    "\u001b[3",
    "1mred\u001b[0m\n10%",
    "\r20%\r",
    "\rab\n",
    "x\bzy",
    "\u001b]0;title\u0007",
  ])
    screen.write(piece);
  assert.deepEqual(screen.last(80), ["red", "ab%", "zy"]);
  assert.deepEqual(screen.last(2), ["re", "d", "ab", "%", "zy"]);
});

test("LineScreen: whatever is written, no control character is shown", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string({ unit: fc.constantFrom("\u001b", "[", "]", "m", "\r", "\n", "\b", "a", "\u0007") }),
      ),
      (texts) => {
        const screen = new LineScreen();
        for (const text of texts) screen.write(text);
        // oxlint-disable-next-line no-control-regex
        for (const line of screen.last(10)) assert.doesNotMatch(line, /[\u0000-\u001f]/);
      },
    ),
  );
});

test("drawScreen: head, steps, parts, and what a step said last", () => {
  const trace = new Trace();
  trace.take(step("a", "[1/2] COPY x", 1000, 2000), 1000);
  trace.take(
    {
      statuses: [
        { vertex: "a", id: "moving", current: 1500, total: 3000, started: at(1000), completed: at(2000) },
      ],
    },
    1000,
  );
  trace.take(step("b", "[2/2] RUN y", 2000), 1000);
  trace.take(log("b", "said\n", 2500), 1000);
  const head = { phase: "Building", description: "docker:default" };
  const lines = drawScreen(trace, head, { columns: 60, rows: 24 }, 3000, false);
  assert.deepEqual(
    // oxlint-disable-next-line no-control-regex
    lines.map((line) => line.replaceAll(/\u001b\[\d+m/g, "").trimEnd()),
    [
      "[+] Building 2.0s (1/2)                      docker:default",
      " => [1/2] COPY x                                       1.0s",
      " => => moving 1.50kB / 3.00kB                          1.0s",
      " => [2/2] RUN y                                        1.0s",
      " => => # said",
    ],
  );
});

test("drawScreen: never taller or wider than the terminal, and steps at work are the last to go", () => {
  const trace = new Trace();
  for (let at = 0; at < 40; at++)
    trace.take(step(`${at}`, `step ${at} ${"x".repeat(200)}`, 1000, at === 3 ? undefined : 2000), 1000);
  const lines = drawScreen(
    trace,
    { phase: "Building", description: "" },
    { columns: 40, rows: 10 },
    3000,
    false,
  );
  assert.ok(lines.length < 10, String(lines.length));
  // oxlint-disable-next-line no-control-regex
  for (const line of lines) assert.ok(line.replaceAll(/\u001b\[\d+m/g, "").length <= 40);
  assert.ok(lines.some((line) => line.includes("step 3 ")));
  const whole = drawScreen(
    trace,
    { phase: "Building", description: "" },
    { columns: 40, rows: 10 },
    3000,
    true,
  );
  assert.equal(whole.length, 41);
});

test("rawJson: an event as BuildKit's own client writes it", () => {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  rawJson(step("sha256:1", "RUN a >&2", 1500), write);
  rawJson({}, write);
  assert.deepEqual(lines, [
    '{"vertexes":[{"digest":"sha256:1","name":"RUN a \\u003e\\u00262","started":"1970-01-01T00:00:01.5Z"}]}\n',
  ]);
});

test("shownBytes: whole bytes, and two digits of everything larger", () => {
  assert.deepEqual([0, 999, 1000, 3_004_000].map(shownBytes), ["0B", "999B", "1.00kB", "3.00MB"]);
});

test("drawExcerpt: four lines around a single one, two around several, marks before those that are meant", () => {
  const text = "1\n2\n3\n4\n5\n6\n7";
  assert.equal(
    drawExcerpt("Dockerfile", text, [{ first: 4, last: 4 }]),
    `Dockerfile:4\n--------------------\n   2 |     2\n   3 |     3\n   4 | >>> 4\n   5 |     5\n   6 |     6\n--------------------\n`,
  );
  assert.match(drawExcerpt("f", text, [{ first: 4, last: 5 }]), /\n {3}3 \|.*\n.*\n.*\n {3}6 \|.*\n-+\n$/);
  assert.equal(drawExcerpt("f", text, [{ first: 9, last: 9 }]), "");
});
