import type { Schedule } from "./plan.ts";

/**
 * Reads a schedule of five fields, or a name such as `@hourly`.
 *
 * @param timeZone e.g. `Europe/Berlin`; absent: UTC
 * @throws when it is none
 * @see Kubernetes, CronJob: schedule syntax
 */
export async function readSchedule(text: string, timeZone: string | undefined): Promise<Schedule> {
  const { Cron } = await import("croner");
  const every = /^@every (\d+)(s|m|h)$/.exec(text);
  if (every !== null) {
    const stepMs = Number(every[1]) * { s: 1000, m: 60_000, h: 3_600_000 }[every[2] as "s" | "m" | "h"];
    return { next: (afterMs) => Math.floor(afterMs / 1000) * 1000 + Math.max(1000, stepMs) };
  }
  const cron = new Cron(text, { timezone: timeZone ?? "UTC", paused: true, legacyMode: true });
  return { next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime() };
}
