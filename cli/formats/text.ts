import { humanDuration } from "#api/docker/human-duration.ts";

/** At most `length` characters, the last an ellipsis when something is cut off. */
export function ellipsis(text: string, length: number): string {
  const letters = Array.from(text);
  if (letters.length <= length) return text;
  return length <= 1 ? letters.slice(0, length).join("") : `${letters.slice(0, length - 1).join("")}…`;
}

/** An ID in its short form, without its algorithm. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}

/** `k=v,k=v` in the order of the keys. */
export function joinLabels(labels: Readonly<Record<string, string>> | null | undefined): string {
  return Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(",");
}

/** The value of one label, as `{{.Label "name"}}` asks for it. */
export function labelOf({ Labels }: { readonly Labels?: Readonly<Record<string, string>> | null }) {
  return (name: string): string => Labels?.[name] ?? "";
}

/** Go's `time.Time.String()` in local time: `2026-11-26 14:19:19 +0000 UTC`. */
export function goTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  const offset = -date.getTimezoneOffset();
  const sign = offset < 0 ? "-" : "+";
  const zone = `${sign}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const name =
    offset === 0
      ? "UTC"
      : (new Intl.DateTimeFormat("en-US", { timeZoneName: "short" })
          .formatToParts(date)
          .find(({ type }) => type === "timeZoneName")?.value ?? zone);
  return `${day} ${time} ${zone} ${name}`;
}

/** RFC 3339 in local time, without fractions. */
export function rfc3339(seconds: number): string {
  const date = new Date(seconds * 1000);
  const offset = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 19);
  if (offset === 0) return `${local}Z`;
  const sign = offset < 0 ? "-" : "+";
  return `${local}${sign}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** `3 weeks ago`. */
export function timeAgo(seconds: number, now: Date): string {
  return `${humanDuration(now.getTime() - seconds * 1000)} ago`;
}

/** Compares names so that `net10` comes after `net9`. */
export function naturally(a: string, b: string): number {
  const parts = (text: string) => text.match(/\d+|\D+/g) ?? [];
  const [left, right] = [parts(a), parts(b)];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const [x = "", y = ""] = [left[at], right[at]];
    if (x === y) continue;
    const areNumbers = /^\d/.test(x) && /^\d/.test(y);
    if (areNumbers && Number(x) !== Number(y)) return Number(x) - Number(y);
    return x < y ? -1 : 1;
  }
  return left.length - right.length;
}
