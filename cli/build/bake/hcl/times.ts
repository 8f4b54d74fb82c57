import { parseDuration } from "#base/duration.ts";

const pattern = /'((?:[^']|'')*)'|([YMDEhHmsAaZ])\2*/g;
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/** A time by RFC 3339 in another form. @see github.com/zclconf/go-cty, function/stdlib, FormatDateFunc */
export function formatDate(form: string, time: string): string {
  const found = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.exec(time);
  if (found === null) throw new Error(`not a valid RFC3339 timestamp: ${JSON.stringify(time)}`);
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const zone = (found[7] ?? "Z").toUpperCase();
  const weekday = days[new Date(Date.UTC(year, month - 1, day)).getUTCDay()] ?? "";
  const name = months[month - 1] ?? "";
  const two = (value: number) => String(value).padStart(2, "0");
  const half = hour % 12 === 0 ? 12 : hour % 12;
  const known: Readonly<Record<string, string>> = {
    YYYY: String(year).padStart(4, "0"),
    YY: two(year % 100),
    MMMM: name,
    MMM: name.slice(0, 3),
    MM: two(month),
    M: String(month),
    DD: two(day),
    D: String(day),
    EEEE: weekday,
    EEE: weekday.slice(0, 3),
    hh: two(hour),
    h: String(hour),
    HH: two(half),
    H: String(half),
    mm: two(minute),
    m: String(minute),
    ss: two(second),
    s: String(second),
    AA: hour < 12 ? "AM" : "PM",
    aa: hour < 12 ? "am" : "pm",
    ZZZZZ: zone === "Z" ? "+00:00" : zone,
    ZZZZ: (zone === "Z" ? "+00:00" : zone).replace(":", ""),
    ZZZ: zone === "Z" ? "UTC" : zone.replace(":", ""),
    Z: zone === "+00:00" ? "Z" : zone,
  };
  return form.replaceAll(pattern, (whole, quoted: string | undefined) => {
    if (quoted !== undefined) return quoted.replaceAll("''", "'");
    const value = known[whole];
    if (value === undefined) throw new Error(`invalid format verb ${JSON.stringify(whole)}`);
    return value;
  });
}

/** @param duration as Go writes it, e.g. `-1h30m` */
export function addTime(time: string, duration: string): string {
  const at = Date.parse(time);
  if (Number.isNaN(at)) throw new Error(`not a valid RFC3339 timestamp: ${JSON.stringify(time)}`);
  return new Date(at + Number(parseDuration(duration)) / 1e6).toISOString().replace(/\.000Z$/, "Z");
}
