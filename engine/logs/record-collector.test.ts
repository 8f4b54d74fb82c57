import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordCollector } from "./record-collector.ts";

const time = (number: number) => `2026-11-26T10:00:00.${String(number).padStart(9, "0")}Z`;

function canonical(text: string, number: number, stream = "stdout"): string {
  return `{"log":${JSON.stringify(text)},"stream":"${stream}","time":"${time(number)}"}\n`;
}

function collect(collector: RecordCollector, text: string) {
  const block = Buffer.from(text);
  const rest = block.subarray(collector.render(block, 0)).toString();
  const records = collector.take()?.records.map((one) => ({ ...one, text: one.text.toString() })) ?? [];
  return { records, rest };
}

test("RecordCollector: gives texts without their line feed, and says whether there was one", () => {
  const text =
    canonical("a\n", 1) + canonical("part", 1, "stderr") + canonical("\n", 12) + canonical('q"\\é\n', 12);
  const { records, rest } = collect(new RecordCollector(), `${text}{"log":"un`);
  assert.deepEqual(records, [
    { stream: 1, time: time(1), text: "a", endsLine: true },
    { stream: 2, time: time(1), text: "part", endsLine: false },
    { stream: 1, time: time(12), text: "", endsLine: true },
    { stream: 1, time: time(12), text: 'q"\\é', endsLine: true },
  ]);
  assert.equal(rest, '{"log":"un');
});

test("RecordCollector: takes another writer's records, and passes over what is none", () => {
  const foreign = '{"stream":"stderr","log":"x\\n","time":"2026-11-26T10:00:00Z"}\nnothing\n';
  const { records } = collect(new RecordCollector(), foreign + canonical("a", 2));
  assert.deepEqual(
    records.map((one) => [one.stream, one.text, one.endsLine]),
    [
      [2, "x", true],
      [1, "a", false],
    ],
  );
});

test("RecordCollector: a batch stays as it was when the next ones are collected, however large", () => {
  const collector = new RecordCollector();
  const texts = [10, 70_000, 3, 65_000, 1000].map((length, index) => String(index).repeat(length));
  const kept: Buffer[] = [];
  for (const [index, text] of texts.entries()) {
    collector.render(Buffer.from(canonical(`${text}\n`, index)), 0);
    kept.push(...(collector.take()?.records ?? []).map((one) => one.text));
  }
  assert.deepEqual(
    kept.map((text) => text.toString()),
    texts,
  );
});
