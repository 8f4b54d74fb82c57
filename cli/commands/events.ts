import { encodeFilters } from "#client/docker-api.ts";
import { textLines } from "#client/streams.ts";
import type { EngineEvent } from "#client/docker-types.ts";
import { Fault, messageOf } from "#base/fault.ts";
import { defineCommand } from "../context.ts";
import { Exit } from "../failure.ts";
import { text } from "../flags.ts";
import { unescapeFormat } from "../formats/formatter.ts";
import { parseExact } from "../formats/inspect.ts";
import { filterFlag, parseFilterSpecs } from "../options/filter-specs.ts";
import { timestampOf } from "../options/time-specs.ts";
import { compileTemplate } from "../template/execute.ts";
import { goMarshal } from "../template/functions.ts";

export const events = defineCommand({
  usage: "[OPTIONS]",
  about: "Shows what happens in the engine, as it happens.",
  flags: {
    filter: filterFlag(undefined, "f"),
    format: text("string", "json or a Go template"),
    since: text("string", "From a time on: 10m, or 2026-01-02T13:23:37Z"),
    until: text("string", "Until a time, then end"),
  },
  operands: [0, 0],
  examples: [["gantry events --since 1h --until 0s -f type=container", "what happened in the last hour"]],
  async run(context, values) {
    const { out, signal, now } = context;
    const show = formatterOf(values.format);
    const time = (spec: string | undefined) =>
      spec === undefined || spec === "" ? undefined : timestampOf(spec, now());
    const options = {
      since: time(values.since),
      until: time(values.until),
      filters: parseFilterSpecs(values.filter),
    };
    const { since, until, filters } = options;
    const query = { since, until, filters: encodeFilters(filters) };
    const { body } = await context.engine().api.stream("GET", "/events", { query }, signal);
    for await (const line of textLines(body))
      out.write(`${show(inOrder(parseExact(line) as EngineEvent))}\n`);
    return 0;
  },
});

/** Attributes by name, as Go has them. */
function inOrder(event: EngineEvent): EngineEvent {
  const entries = Object.entries(event.Actor.Attributes ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...event, Actor: { ...event.Actor, Attributes: Object.fromEntries(entries) } };
}

function formatterOf(format: string | undefined): (event: EngineEvent) => string {
  if (format === undefined || format === "") return pretty;
  if (format === "json") return goMarshal;
  try {
    const template = compileTemplate(unescapeFormat(format));
    return (event) => {
      try {
        return template.execute(event, { typeName: "*events.Message" });
      } catch (error) {
        throw new Fault("invalid", messageOf(error));
      }
    };
  } catch (error) {
    throw new Exit(64, `Error parsing format: ${messageOf(error)}`);
  }
}

function pretty({ Type, Action, Actor, time, timeNano }: EngineEvent): string {
  const at = timeNano ? nanoTime(BigInt(time), BigInt(timeNano)) : "";
  const attributes = Object.entries(Actor.Attributes ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort();
  const shown = attributes.length === 0 ? "" : ` (${attributes.join(", ")})`;
  return `${at}${Type} ${Action} ${Actor.ID}${shown}`;
}

/** RFC 3339 with nine digits, in local time. */
function nanoTime(seconds: bigint, timeNano: bigint): string {
  const nanoseconds = timeNano - seconds * 1_000_000_000n;
  const date = new Date(Number(seconds) * 1000);
  const offset = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const two = (value: number) => String(value).padStart(2, "0");
  const zone =
    offset === 0
      ? "Z"
      : `${offset < 0 ? "-" : "+"}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return `${local}.${String(nanoseconds).padStart(9, "0")}${zone} `;
}
