/** Nanoseconds since 1970. */
export type Clock = () => bigint;

const perSecond = 1_000_000_000n;

/** RFC 3339 in UTC with as many of nine fractional digits as are not trailing zeros, as Go's RFC3339Nano writes it. */
export function formatTime(nanoseconds: bigint): string {
  const fraction = ((nanoseconds % perSecond) + perSecond) % perSecond;
  const seconds = (nanoseconds - fraction) / perSecond;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  const digits = fraction.toString().padStart(9, "0").replace(/0+$/, "");
  return digits === "" ? `${whole}Z` : `${whole}.${digits}Z`;
}

/** Of a time that {@link formatTime} wrote. */
export function parseTime(text: string): bigint {
  const [, whole = "", digits = ""] = /^(.{19})(?:\.(\d{1,9}))?Z$/.exec(text) ?? [];
  return BigInt(Date.parse(`${whole}Z`)) * 1_000_000n + BigInt(digits.padEnd(9, "0"));
}

/** Whether one time that {@link formatTime} wrote is before another: as texts, `.12Z` would come after `.123Z`. */
export function isEarlier(one: string, other: string): boolean {
  return one.slice(0, -1) < other.slice(0, -1);
}

/** As Go writes a duration: `700ms`, `1m30s`, `1.5µs`; `0s` for none. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms === 0) return "0s";
  const short = (value: number) => String(Number(value.toFixed(9)));
  if (ms < 0.001) return `${short(ms * 1e6)}ns`;
  if (ms < 1) return `${short(ms * 1000)}µs`;
  if (ms < 1000) return `${short(ms)}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const seconds = `${short((ms % 60_000) / 1000)}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
