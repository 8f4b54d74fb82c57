import type {
  ComponentStatus,
  ConfigMap,
  Event,
  Namespace,
  Node,
  ResourceQuota,
  Secret,
} from "#api/kube/types/core.ts";
import type { Event as NewEvent } from "#api/kube/types/events.ts";
import { byBytes } from "#orchestrator/machinery/go-text.ts";
import type { Column } from "#orchestrator/machinery/resource.ts";
import { ownValue } from "../check.ts";
import { ageColumn, column, nameColumn, wide } from "./column.ts";
import { timeSince } from "#orchestrator/machinery/human-duration.ts";

function nodeStatus({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  const word = ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
  return spec.unschedulable === true ? `${word},SchedulingDisabled` : word;
}

const rolePrefix = "node-role.kubernetes.io/";

function nodeRoles({ metadata }: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) roles.add(key.slice(rolePrefix.length));
    else if (key === "kubernetes.io/role" && value !== "") roles.add(value);
  }
  return [...roles].toSorted(byBytes).join(",") || "<none>";
}

function nodeAddress(type: string): (node: Node) => string {
  return ({ status }) => status?.addresses?.find((address) => address.type === type)?.address ?? "<none>";
}

const orUnknown = (text: string | undefined) => (text === undefined || text === "" ? "<unknown>" : text);

export const nodeColumns: readonly Column[] = [
  nameColumn,
  column<Node>("Status", "string", "The status of the node", nodeStatus),
  column<Node>("Roles", "string", "The roles of the node", nodeRoles),
  ageColumn,
  column<Node>(
    "Version",
    "string",
    "The version of its agent.",
    ({ status }) => status?.nodeInfo?.kubeletVersion,
  ),
  wide<Node>("Internal-IP", "Its address within the cluster.", nodeAddress("InternalIP")),
  wide<Node>("External-IP", "Its address outside of the cluster.", nodeAddress("ExternalIP")),
  wide<Node>("OS-Image", "Its operating system.", ({ status }) => orUnknown(status?.nodeInfo?.osImage)),
  wide<Node>("Kernel-Version", "The version of its kernel.", ({ status }) =>
    orUnknown(status?.nodeInfo?.kernelVersion),
  ),
  wide<Node>("Container-Runtime", "The container engine and its version.", ({ status }) =>
    orUnknown(status?.nodeInfo?.containerRuntimeVersion),
  ),
];

export const namespaceColumns: readonly Column[] = [
  nameColumn,
  column<Namespace>("Status", "string", "The status of the namespace", ({ status }) => status?.phase),
  ageColumn,
];

const sizeOf = (map: object | undefined) => Object.keys(map ?? {}).length;

export const secretColumns: readonly Column[] = [
  nameColumn,
  column<Secret>(
    "Type",
    "string",
    "Used to facilitate programmatic handling of secret data.",
    ({ type }) => type,
  ),
  column<Secret>("Data", "integer", "How many keys it has.", ({ data }) => sizeOf(data)),
  ageColumn,
];

export const configMapColumns: readonly Column[] = [
  nameColumn,
  column<ConfigMap>(
    "Data",
    "integer",
    "How many keys it has.",
    ({ data, binaryData }) => sizeOf(data) + sizeOf(binaryData),
  ),
  ageColumn,
];

export const plainColumns: readonly Column[] = [nameColumn, ageColumn];

export const componentStatusColumns: readonly Column[] = [
  nameColumn,
  column<ComponentStatus>("Status", "string", "Status of the component conditions", (object) => {
    const condition = healthOf(object);
    if (condition === undefined) return "Unknown";
    return condition.status === "True" ? "Healthy" : "Unhealthy";
  }),
  column<ComponentStatus>(
    "Message",
    "string",
    "Message of the component conditions",
    (object) => healthOf(object)?.message,
  ),
  column<ComponentStatus>(
    "Error",
    "string",
    "Error of the component conditions",
    (object) => healthOf(object)?.error,
  ),
];

function healthOf({ conditions }: ComponentStatus) {
  return conditions?.find(({ type }) => type === "Healthy");
}

/** Used of hard, of what is limited or of the rest. */
function quota({ status }: ResourceQuota, isLimit: boolean): string {
  return Object.entries(status?.hard ?? {})
    .filter(([resource]) => resource.startsWith("limits.") === isLimit)
    .toSorted(([a], [b]) => byBytes(a, b))
    .map(([resource, hard]) => `${resource}: ${ownValue(status?.used ?? {}, resource) ?? "0"}/${hard}`)
    .join(", ");
}

export const resourceQuotaColumns: readonly Column[] = [
  nameColumn,
  column<ResourceQuota>(
    "Request",
    "string",
    "Request represents a minimum amount of cpu/memory that a container may consume.",
    (object) => quota(object, false),
  ),
  column<ResourceQuota>(
    "Limit",
    "string",
    "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
    (object) => quota(object, true),
  ),
  ageColumn,
];

interface EventView {
  readonly first: string | undefined;
  readonly last: string | undefined;
  readonly count: number;
  readonly about: { readonly kind?: string; readonly name?: string; readonly fieldPath?: string };
  readonly source: string;
  readonly message: string;
}

/** Events of either group say the same in other words. */
function viewOf(event: Event | NewEvent): EventView {
  const isNew = "regarding" in event || "note" in event || "deprecatedCount" in event;
  const own = isNew ? fromNew(event) : fromCore(event as Event);
  const first = present(own.first) ?? present(event.eventTime);
  const { series } = event;
  return {
    ...own,
    first,
    last: series?.lastObservedTime ?? present(own.last) ?? first,
    count: series === undefined ? own.count || 1 : (series.count ?? 0),
  };
}

function present(time: string | undefined | null): string | undefined {
  return time === "" || time === null ? undefined : time;
}

function fromNew(event: NewEvent): EventView {
  const { deprecatedSource, reportingController = "", reportingInstance = "" } = event;
  return {
    first: event.deprecatedFirstTimestamp,
    last: event.deprecatedLastTimestamp,
    count: event.deprecatedCount ?? 0,
    about: event.regarding ?? {},
    source: sourceOf(
      deprecatedSource?.component || reportingController,
      deprecatedSource?.host || reportingInstance,
    ),
    message: event.note ?? "",
  };
}

function fromCore(event: Event): EventView {
  const { source, reportingComponent = "", reportingInstance = "" } = event;
  return {
    first: event.firstTimestamp,
    last: event.lastTimestamp,
    count: event.count ?? 0,
    about: event.involvedObject,
    source: sourceOf(source?.component || reportingComponent, source?.host || reportingInstance),
    message: event.message ?? "",
  };
}

function sourceOf(component: string, host: string): string {
  return host === "" ? component : `${component}, ${host}`;
}

export const eventColumns: readonly Column[] = [
  column<Event>("Last Seen", "string", "When it was last seen.", (event, now) =>
    timeSince(viewOf(event).last, now),
  ),
  column<Event>("Type", "string", "Normal or Warning.", ({ type }) => type),
  column<Event>("Reason", "string", "Why it happened, in a word.", ({ reason }) => reason),
  column<Event>("Object", "string", "What it is about.", (event) => {
    const { kind = "", name = "" } = viewOf(event).about;
    return name === "" ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`;
  }),
  wide<Event>("Subobject", "The part that it is about.", (event) => viewOf(event).about.fieldPath),
  wide<Event>("Source", "Who tells of it.", (event) => viewOf(event).source),
  column<Event>("Message", "string", "What happened.", (event) => viewOf(event).message.trim()),
  wide<Event>("First Seen", "When it was first seen.", (event, now) => timeSince(viewOf(event).first, now)),
  wide<Event>("Count", "How often it was seen.", (event) => viewOf(event).count),
  { ...nameColumn, priority: 1 },
];
