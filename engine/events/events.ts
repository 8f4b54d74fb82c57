export type EventType = "container" | "image" | "network" | "volume" | "daemon" | "builder";

/** @see Docker Engine API v1.51, definition EventMessage */
export interface EngineEvent {
  readonly Type: EventType;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly scope: "local";
  /** Seconds since 1970. */
  readonly time: number;
  /** Nanoseconds since 1970; a string of digits in memory because a number cannot hold it, written as a number on the wire. */
  readonly timeNano: bigint;
}

export interface EventSink {
  /** Stamps the time and hands it to every subscriber, in order, before it returns. */
  publish(type: EventType, action: string, id: string, attributes?: Readonly<Record<string, string>>): void;
}
