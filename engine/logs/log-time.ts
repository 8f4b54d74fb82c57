/** Length of `2026-11-26T10:00:00.123456789Z`, the fixed form that the shim writes and that `timestamps` prints. */
export const timeLength = 30;

const nanosecondsPerSecond = 1_000_000_000n;
const earliestSecond = -62_135_596_800n; // 0001-01-01T00:00:00Z
const latestSecond = 253_402_300_799n; // 9999-12-31T23:59:59Z

/** Nanoseconds since 1970 in the fixed form, UTC. Clamped to the years 1 to 9999, so that texts sort as the times do. */
export function formatTime(nanoseconds: bigint): string {
  let second = nanoseconds / nanosecondsPerSecond;
  let fraction = nanoseconds % nanosecondsPerSecond;
  if (fraction < 0n) {
    second -= 1n;
    fraction += nanosecondsPerSecond;
  }
  if (second < earliestSecond) [second, fraction] = [earliestSecond, 0n];
  if (second > latestSecond) [second, fraction] = [latestSecond, nanosecondsPerSecond - 1n];
  const whole = new Date(Number(second) * 1000).toISOString().slice(0, 19);
  return `${whole}.${fraction.toString().padStart(9, "0")}Z`;
}

/** Nanoseconds since 1970 of an RFC 3339 time with any fraction and offset; undefined when it is not one. */
export function parseTime(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(?:Z|([+-])(\d\d):(\d\d))$/.exec(text);
  if (match === null) return undefined;
  const [, date, clock, fraction = "", sign, hours = "0", minutes = "0"] = match;
  const milliseconds = Date.parse(`${date}T${clock}Z`);
  if (Number.isNaN(milliseconds)) return undefined;
  const offsetSeconds = (Number(hours) * 60 + Number(minutes)) * 60 * (sign === "-" ? -1 : 1);
  const second = BigInt(milliseconds / 1000 - offsetSeconds);
  return second * nanosecondsPerSecond + BigInt(fraction.padEnd(9, "0"));
}
