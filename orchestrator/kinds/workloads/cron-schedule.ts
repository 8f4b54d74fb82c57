interface Part {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly names: readonly string[];
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const parts: readonly Part[] = [
  { name: "minute", from: 0, to: 59, names: [] },
  { name: "hour", from: 0, to: 23, names: [] },
  { name: "dom", from: 1, to: 31, names: [] },
  { name: "month", from: 1, to: 12, names: months },
  { name: "dow", from: 0, to: 6, names: days },
];
const descriptors = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

/** What is wrong with the schedule of a CronJob, in the words of upstream's parser; undefined when nothing is. */
export function scheduleComplaint(schedule: string): string | undefined {
  const text = schedule.replace(/^(CRON_)?TZ=\S+\s+/, "").trim();
  if (text.startsWith("@")) {
    if (descriptors.includes(text) || /^@every (\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(text))
      return undefined;
    return `unrecognized descriptor: ${text}`;
  }
  const fields = text.split(/\s+/);
  if (fields.length !== parts.length)
    return `expected exactly 5 fields, found ${fields.length}: [${fields.join(" ")}]`;
  for (const [at, part] of parts.entries()) {
    for (const range of (fields[at] ?? "").split(",")) {
      const complaint = rangeComplaint(range, part);
      if (complaint !== undefined) return complaint;
    }
  }
  return undefined;
}

function rangeComplaint(text: string, part: Part): string | undefined {
  const [range = "", step, ...more] = text.split("/");
  const [low = "", high, ...others] = range.split("-");
  if (more.length > 0) return `too many slashes: ${text}`;
  if (others.length > 0) return `too many hyphens: ${text}`;
  const isAny = low === "*" || low === "?";
  const start = isAny ? part.from : numberOf(low, part);
  const end = isAny
    ? part.to
    : high === undefined
      ? step === undefined
        ? start
        : part.to
      : numberOf(high, part);
  const every = step === undefined ? 1 : numberOf(step, { ...part, names: [] });
  for (const value of [start, end, every]) if (typeof value === "string") return value;
  return boundsComplaint(Number(start), Number(end), Number(every), part, text);
}

function numberOf(text: string, { names }: Part): number | string {
  const named = names.indexOf(text.toLowerCase());
  if (named >= 0) return named + (names === months ? 1 : 0);
  if (/^\d+$/.test(text)) return Number(text);
  return `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;
}

function boundsComplaint(
  start: number,
  end: number,
  every: number,
  part: Part,
  text: string,
): string | undefined {
  if (start < part.from) return `beginning of range (${start}) below minimum (${part.from}): ${text}`;
  if (end > part.to) return `end of range (${end}) above maximum (${part.to}): ${text}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${text}`;
  return every === 0 ? `step of range should be a positive number: ${text}` : undefined;
}
