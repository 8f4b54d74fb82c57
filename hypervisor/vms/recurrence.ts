import { Fault } from "#base/fault.ts";

type Frequency = "MINUTELY" | "HOURLY" | "DAILY" | "WEEKLY" | "MONTHLY" | "YEARLY";

/** A rule of when something happens again. @see RFC 5545, 3.3.10 */
export interface Recurrence {
  readonly frequency: Frequency;
  readonly interval: number;
  readonly count?: number;
  /** As local time, in milliseconds as if it were UTC. */
  readonly untilMs?: number;
  readonly byMinute: readonly number[];
  readonly byHour: readonly number[];
  /** 0 is Sunday. */
  readonly byDay: readonly number[];
  /** Negative from the month's end. */
  readonly byMonthDay: readonly number[];
  readonly byMonth: readonly number[];
}

const frequencies: readonly string[] = ["MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"];
const weekdays = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];
const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];
/** A rule that has matched nothing in so many periods never does. */
const maxPeriods = 6000;

/** @throws {Fault} `invalid` for what is no rule, or has parts that are not known here */
export function parseRecurrence(text: string): Recurrence {
  const parts = new Map(
    text
      .replace(/^RRULE:/i, "")
      .split(";")
      .filter((part) => part !== "")
      .map((part): [string, string] => {
        const [name = "", value = ""] = part.split("=");
        return [name.toUpperCase(), value.toUpperCase()];
      }),
  );
  const known = [
    "FREQ",
    "INTERVAL",
    "COUNT",
    "UNTIL",
    "BYMINUTE",
    "BYHOUR",
    "BYDAY",
    "BYMONTHDAY",
    "BYMONTH",
    "WKST",
    "BYSECOND",
  ];
  const unknown = [...parts.keys()].find((name) => !known.includes(name));
  const frequency = parts.get("FREQ") ?? "";
  if (unknown !== undefined || !frequencies.includes(frequency))
    throw new Fault("invalid", `Invalid rrule '${text}'`);
  const interval = integer(parts.get("INTERVAL") ?? "1", 1, 100_000, text);
  const count = parts.get("COUNT");
  const until = parts.get("UNTIL");
  return {
    frequency: frequency as Frequency,
    interval,
    ...(count !== undefined && { count: integer(count, 1, 1_000_000, text) }),
    ...(until !== undefined && { untilMs: untilOf(until, text) }),
    byMinute: integers(parts.get("BYMINUTE"), 0, 59, text),
    byHour: integers(parts.get("BYHOUR"), 0, 23, text),
    byDay: (parts.get("BYDAY") ?? "").split(",").flatMap((day) => (day === "" ? [] : [weekday(day, text)])),
    byMonthDay: integers(parts.get("BYMONTHDAY"), -31, 31, text),
    byMonth: integers(parts.get("BYMONTH"), 1, 12, text),
  };
}

/**
 * The first time behind `afterMs` at which the rule applies; undefined when there is none. Times are local ones, in milliseconds as if they
 * were UTC.
 */
export function nextOccurrence(rule: Recurrence, startMs: number, afterMs: number): number | undefined {
  if (rule.count !== undefined) return countedOccurrence(rule, startMs, afterMs);
  let period = firstPeriod(rule, startMs, afterMs);
  for (let tries = 0; tries < maxPeriods; tries++, period++) {
    const found = timesOf(rule, startMs, period).find((at) => at >= startMs && at > afterMs);
    if (found === undefined) continue;
    return rule.untilMs !== undefined && found > rule.untilMs ? undefined : found;
  }
  return undefined;
}

function countedOccurrence(rule: Recurrence, startMs: number, afterMs: number): number | undefined {
  let left = rule.count ?? 0;
  for (let period = 0, tries = 0; left > 0 && tries < maxPeriods; period++, tries++)
    for (const at of timesOf(rule, startMs, period)) {
      if (at < startMs) continue;
      tries = 0;
      if (left-- <= 0 || (rule.untilMs !== undefined && at > rule.untilMs)) return undefined;
      if (at > afterMs) return at;
    }
  return undefined;
}

/** A period that begins at or before `afterMs`, counted from the start in intervals. */
function firstPeriod({ frequency, interval }: Recurrence, startMs: number, afterMs: number): number {
  if (afterMs <= startMs) return 0;
  const [start, after] = [new Date(startMs), new Date(afterMs)];
  const months =
    (after.getUTCFullYear() - start.getUTCFullYear()) * 12 + after.getUTCMonth() - start.getUTCMonth();
  const units: Record<Frequency, number> = {
    MINUTELY: (afterMs - startMs) / minuteMs,
    HOURLY: (afterMs - startMs) / hourMs,
    DAILY: (afterMs - startMs) / dayMs,
    WEEKLY: (afterMs - startMs) / (7 * dayMs),
    MONTHLY: months,
    YEARLY: months / 12,
  };
  return Math.max(0, Math.floor(units[frequency] / interval) - 1);
}

/** All times of one period, in order. */
function timesOf(rule: Recurrence, startMs: number, period: number): readonly number[] {
  const steps = period * rule.interval;
  const start = new Date(startMs);
  switch (rule.frequency) {
    case "MINUTELY":
      return [startMs + steps * minuteMs].filter((at) => isAllowed(rule, at));
    case "HOURLY":
      return withMinutes(rule, [startMs + steps * hourMs]).filter((at) => isAllowed(rule, at));
    case "DAILY":
      return withClock(rule, [startMs + steps * dayMs]).filter((at) => isAllowed(rule, at));
    case "WEEKLY": {
      // Weeks begin on Monday.
      const monday = startMs - ((start.getUTCDay() + 6) % 7) * dayMs + steps * 7 * dayMs;
      const days = rule.byDay.length > 0 ? rule.byDay : [start.getUTCDay()];
      const dates = days.map((day) => monday + ((day + 6) % 7) * dayMs).toSorted((a, b) => a - b);
      return withClock(rule, dates).filter((at) => isAllowed({ ...rule, byDay: [] }, at));
    }
    case "MONTHLY":
      return withClock(rule, daysOfMonth(rule, start, start.getUTCFullYear(), start.getUTCMonth() + steps));
    case "YEARLY": {
      const months = rule.byMonth.length > 0 ? rule.byMonth.map((month) => month - 1) : [start.getUTCMonth()];
      return months.flatMap((month) =>
        withClock(rule, daysOfMonth(rule, start, start.getUTCFullYear() + steps, month)),
      );
    }
    default:
      return rule.frequency satisfies never;
  }
}

function daysOfMonth(rule: Recurrence, start: Date, year: number, month: number): readonly number[] {
  const first = Date.UTC(year, month, 1, start.getUTCHours(), start.getUTCMinutes(), start.getUTCSeconds());
  const length = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  const all = Array.from({ length }, (_, i) => first + i * dayMs);
  const wanted =
    rule.byMonthDay.length > 0 ? rule.byMonthDay : rule.byDay.length > 0 ? [] : [start.getUTCDate()];
  const days = wanted.map((day) => (day > 0 ? day : length + 1 + day));
  return all.filter((at, i) => (wanted.length === 0 || days.includes(i + 1)) && isAllowed(rule, at));
}

function isAllowed(
  { byDay, byMonth, byMonthDay, byHour, byMinute, frequency }: Recurrence,
  at: number,
): boolean {
  const date = new Date(at);
  const length = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  const day = date.getUTCDate();
  return (
    (byDay.length === 0 || byDay.includes(date.getUTCDay())) &&
    (byMonth.length === 0 || byMonth.includes(date.getUTCMonth() + 1)) &&
    (byMonthDay.length === 0 || byMonthDay.includes(day) || byMonthDay.includes(day - length - 1)) &&
    (frequency !== "MINUTELY" || byMinute.length === 0 || byMinute.includes(date.getUTCMinutes())) &&
    ((frequency !== "MINUTELY" && frequency !== "HOURLY") ||
      byHour.length === 0 ||
      byHour.includes(date.getUTCHours()))
  );
}

function withClock(rule: Recurrence, days: readonly number[]): readonly number[] {
  const atHours = days.flatMap((day) => {
    const midnight = day - (((day % dayMs) + dayMs) % dayMs);
    const rest = (day - midnight) % hourMs;
    return rule.byHour.length === 0
      ? [day]
      : rule.byHour.toSorted((a, b) => a - b).map((hour) => midnight + hour * hourMs + rest);
  });
  return withMinutes(rule, atHours);
}

function withMinutes({ byMinute }: Recurrence, times: readonly number[]): readonly number[] {
  if (byMinute.length === 0) return times;
  return times.flatMap((at) => {
    const hour = at - (((at % hourMs) + hourMs) % hourMs);
    const seconds = (at - hour) % minuteMs;
    return byMinute.toSorted((a, b) => a - b).map((minute) => hour + minute * minuteMs + seconds);
  });
}

function integers(text: string | undefined, least: number, most: number, rule: string): readonly number[] {
  return text === undefined ? [] : text.split(",").map((part) => integer(part, least, most, rule));
}

function integer(text: string, least: number, most: number, rule: string): number {
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text) || value < least || value > most)
    throw new Fault("invalid", `Invalid rrule '${rule}'`);
  return value;
}

function weekday(text: string, rule: string): number {
  const found = weekdays.indexOf(text);
  if (found === -1) throw new Fault("invalid", `Invalid rrule '${rule}'`);
  return found;
}

function untilOf(text: string, rule: string): number {
  const [, year, month, day, hour = "23", minute = "59", second = "59"] =
    /^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)Z?)?$/.exec(text) ?? [];
  if (year === undefined) throw new Fault("invalid", `Invalid rrule '${rule}'`);
  return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
}

/** `YYYY-MM-DD HH:MM:SS`, as if it were UTC. @throws {Fault} `invalid` */
export function parseLocalTime(text: string): number {
  const match = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)$/.exec(text);
  const ms = match === null ? Number.NaN : Date.parse(`${text.replace(" ", "T")}Z`);
  if (Number.isNaN(ms)) throw new Fault("invalid", `Invalid dtstart '${text}'`);
  return ms;
}

/** The time that a zone's clocks show, as if it were UTC. */
export function localTimeOf(utcMs: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(utcMs);
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  return Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
}

/** When a zone's clocks show that time: in the hour that they show twice the first one, in one that they skip as much later. */
export function utcTimeOf(localMs: number, timeZone: string): number {
  const offset = (at: number) => localTimeOf(at, timeZone) - Math.floor(at / 1000) * 1000;
  const before = localMs - offset(localMs - dayMs);
  if (localTimeOf(before, timeZone) === localMs) return before;
  const after = localMs - offset(localMs + dayMs);
  return localTimeOf(after, timeZone) === localMs ? after : before;
}
