import { type Filters, matchesLabels, valuesFor } from "#api/docker/filters.ts";
import type { EngineEvent } from "./events.ts";

export const eventFilterKeys = [
  "config",
  "container",
  "daemon",
  "event",
  "image",
  "label",
  "label!",
  "network",
  "node",
  "plugin",
  "scope",
  "secret",
  "service",
  "type",
  "volume",
] as const;

/** Actions that carry their subject behind a colon, and are asked for without it. */
const prefixed = ["health_status", "exec_create", "exec_start"];

/** Whether every key of the filter has a value that the event matches. @see Docker Engine API v1.51, GET /events */
export function matchesEvent(filters: Filters, event: EngineEvent): boolean {
  if (filters.size === 0) return true;
  const { Attributes: attributes } = event.Actor;
  return (
    matchesAction(filters, event.Action) &&
    isOneOf(filters, "type", event.Type) &&
    isOneOf(filters, "scope", event.scope) &&
    ["container", "volume", "network", "plugin", "daemon", "service", "node", "secret", "config"].every(
      (key) => startsWithOneOf(filters, key, event.Actor.ID, attributes["name"] ?? ""),
    ) &&
    matchesImage(filters, event) &&
    matchesLabels(filters, attributes)
  );
}

function matchesAction(filters: Filters, action: string): boolean {
  const wanted = valuesFor(filters, "event");
  return (
    wanted.length === 0 ||
    wanted.some((value) => value === action || (prefixed.includes(value) && action.startsWith(`${value}:`)))
  );
}

function isOneOf(filters: Filters, key: string, ...candidates: readonly string[]): boolean {
  const wanted = valuesFor(filters, key);
  return wanted.length === 0 || candidates.some((candidate) => wanted.includes(candidate));
}

function startsWithOneOf(filters: Filters, key: string, ...candidates: readonly string[]): boolean {
  const wanted = valuesFor(filters, key);
  return wanted.length === 0 || wanted.some((value) => candidates.some((text) => text.startsWith(value)));
}

function matchesImage(filters: Filters, event: EngineEvent): boolean {
  const name = event.Actor.Attributes[event.Type === "image" ? "name" : "image"] ?? "";
  const { ID: id } = event.Actor;
  return isOneOf(filters, "image", id, name, withoutTag(id), withoutTag(name));
}

function withoutTag(reference: string): string {
  const [name = ""] = reference.split("@");
  const colon = name.lastIndexOf(":");
  return colon > name.lastIndexOf("/") ? name.slice(0, colon) : name;
}
