import type { Event } from "#api/kube/types/core.ts";
import { events as eventResource } from "#client/kube/resources.ts";
import type { KubeFields } from "../manifests.ts";
import type { Kube } from "../session.ts";
import { type Description, sinceText } from "./description.ts";

/** Events about an object, oldest first; of a node also those that have its name for a UID. */
export async function readEvents(
  kube: Kube,
  { kind = "", metadata = {} }: KubeFields,
  signal: AbortSignal,
): Promise<readonly Event[]> {
  const { name = "", namespace = "", uid = "", annotations } = metadata;
  const mirrored = annotations?.["kubernetes.io/config.mirror"];
  const uids = kind === "Node" ? [uid, name] : [mirrored ?? uid];
  const lists = await Promise.all(
    uids.map((one) => {
      const fieldSelector = [
        `involvedObject.name=${name}`,
        `involvedObject.namespace=${namespace}`,
        ...(kind === "Pod" ? [] : [`involvedObject.kind=${kind}`]),
        `involvedObject.uid=${one}`,
      ].join(",");
      const where = namespace === "" ? undefined : namespace;
      return kube.of(eventResource).list({ namespace: where, fieldSelector }, signal);
    }),
  );
  return lists.flatMap(({ items }) => items).toSorted((a, b) => lastSeen(a) - lastSeen(b));
}

function lastSeen({ lastTimestamp, eventTime, series }: Event): number {
  const time = series?.lastObservedTime ?? lastTimestamp ?? eventTime;
  return time === undefined || time === null ? 0 : Date.parse(time);
}

export function addEvents(to: Description, events: readonly Event[]): void {
  if (events.length === 0) return to.line(0, "Events:", "<none>");
  to.line(0, "Events:");
  to.line(1, "Type", "Reason", "Age", "From", "Message");
  to.line(1, "----", "------", "----", "----", "-------");
  for (const event of events) {
    const source = event.source?.component ?? "";
    const from = source === "" ? event.reportingComponent : source;
    const message = (event.message ?? "").trim();
    const { fieldPath = "" } = event.involvedObject;
    to.line(
      1,
      event.type,
      event.reason,
      ageText(event),
      from,
      fieldPath === "" ? message : `${fieldPath}: ${message}`,
    );
  }
}

function ageText({ eventTime, firstTimestamp, lastTimestamp, series, count = 1 }: Event): string {
  const first = sinceText(eventTime ?? firstTimestamp);
  if (series !== undefined) return `${sinceText(series.lastObservedTime)} (x${series.count} over ${first})`;
  return count > 1 ? `${sinceText(lastTimestamp)} (x${count} over ${first})` : first;
}
