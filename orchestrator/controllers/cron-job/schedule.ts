import { parseDuration } from "#base/duration.ts";
import type { Schedule } from "./plan.ts";

/**
 * Reads a schedule of five fields, or a name such as `@hourly`.
 *
 * @param timeZone e.g. `Europe/Berlin`; absent: UTC
 * @throws when it is none
 * @see Kubernetes, CronJob: schedule syntax
 */
export async function readSchedule(text: string, timeZone: string | undefined): Promise<Schedule> {
  const [, every] = /^@every (.+)$/.exec(text) ?? [];
  if (every !== undefined) {
    const stepMs = Math.floor(parseDuration(every) / 1e9) * 1000;
    return { next: (afterMs) => Math.floor(afterMs / 1000) * 1000 + Math.max(1000, stepMs) };
  }
  const { Cron } = await import("croner");
  const cron = new Cron(text, { timezone: timeZone ?? "UTC", paused: true, legacyMode: true });
  return { next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime() };
}
