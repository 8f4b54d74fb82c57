import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isFault } from "#base/fault.ts";
import { localTimeOf, nextOccurrence, parseLocalTime, parseRecurrence, utcTimeOf } from "./recurrence.ts";

const at = (text: string) => parseLocalTime(text);
const shown = (ms: number | undefined) =>
  ms === undefined ? undefined : new Date(ms).toISOString().slice(0, 19).replace("T", " ");
const next = (rule: string, start: string, after: string) =>
  shown(nextOccurrence(parseRecurrence(rule), at(start), at(after)));

const cases: readonly (readonly [
  rule: string,
  start: string,
  after: string,
  expected: string | undefined,
])[] = [
  ["FREQ=MINUTELY;INTERVAL=5", "2026-01-01 00:00:00", "2026-01-01 00:00:00", "2026-01-01 00:05:00"],
  ["FREQ=MINUTELY;INTERVAL=5", "2026-01-01 00:00:00", "2026-05-01 12:03:20", "2026-05-01 12:05:00"],
  ["FREQ=HOURLY;INTERVAL=6", "2026-01-01 02:30:00", "2026-01-01 09:00:00", "2026-01-01 14:30:00"],
  ["FREQ=DAILY", "2026-01-01 03:00:00", "2026-02-10 03:00:00", "2026-02-11 03:00:00"],
  ["FREQ=DAILY;BYHOUR=6,18;BYMINUTE=15", "2026-01-01 00:00:00", "2026-01-02 06:15:00", "2026-01-02 18:15:00"],
  ["FREQ=WEEKLY;BYDAY=MO,FR", "2026-01-01 01:00:00", "2026-01-02 01:00:00", "2026-01-05 01:00:00"],
  ["FREQ=WEEKLY;INTERVAL=2", "2026-01-01 01:00:00", "2026-01-01 01:00:00", "2026-01-15 01:00:00"],
  ["FREQ=MONTHLY;BYMONTHDAY=-1", "2026-01-01 00:00:00", "2026-02-01 00:00:00", "2026-02-28 00:00:00"],
  ["FREQ=MONTHLY", "2026-01-31 00:00:00", "2026-01-31 00:00:00", "2026-03-31 00:00:00"],
  [
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
    "2024-02-29 00:00:00",
    "2024-03-01 00:00:00",
    "2028-02-29 00:00:00",
  ],
  ["FREQ=DAILY;COUNT=3", "2026-01-01 00:00:00", "2026-01-02 12:00:00", "2026-01-03 00:00:00"],
  ["FREQ=DAILY;COUNT=3", "2026-01-01 00:00:00", "2026-01-03 00:00:00", undefined],
  ["FREQ=DAILY;UNTIL=20260103T000000Z", "2026-01-01 00:00:00", "2026-01-03 00:00:00", undefined],
  ["FREQ=HOURLY", "2030-01-01 00:00:00", "2026-01-01 00:00:00", "2030-01-01 00:00:00"],
];

for (const [rule, start, after, expected] of cases)
  test(`nextOccurrence: ${rule} from ${start} after ${after}`, () =>
    assert.equal(next(rule, start, after), expected));

test("parseRecurrence: refuses what is no rule", () => {
  for (const text of [
    "",
    "FREQ=SOMETIMES",
    "FREQ=DAILY;INTERVAL=0",
    "FREQ=DAILY;BYHOUR=24",
    "FREQ=DAILY;BYEASTER=1",
    "x",
  ])
    assert.throws(
      () => parseRecurrence(text),
      (error) => isFault(error, "invalid"),
      text,
    );
});

test("nextOccurrence: always comes after, and ends", () => {
  const frequency = fc.constantFrom("MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY");
  const day = fc.constantFrom("", ";BYDAY=TU", ";BYMONTHDAY=31", ";BYMONTHDAY=30;BYMONTH=2");
  fc.assert(
    fc.property(
      frequency,
      fc.integer({ min: 1, max: 40 }),
      day,
      fc.nat(4e9),
      fc.nat(4e9),
      (name, interval, by, start, after) => {
        const rule = parseRecurrence(`FREQ=${name};INTERVAL=${interval}${by}`);
        const found = nextOccurrence(rule, start * 1000, after * 1000);
        assert.ok(found === undefined || (found > after * 1000 && found >= start * 1000));
      },
    ),
    { numRuns: 200 },
  );
});

test("utcTimeOf: hours that clocks show twice, or skip", () => {
  const zone = "Europe/Zurich";
  assert.equal(shown(utcTimeOf(at("2026-07-01 12:00:00"), zone)), "2026-07-01 10:00:00");
  assert.equal(shown(utcTimeOf(at("2026-10-25 02:30:00"), zone)), "2026-10-25 00:30:00");
  assert.equal(shown(localTimeOf(utcTimeOf(at("2026-03-29 02:30:00"), zone), zone)), "2026-03-29 03:30:00");
});
