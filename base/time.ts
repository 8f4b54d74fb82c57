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
