import { defineCommand } from "../../context.ts";
import { bool, text } from "../../flags.ts";
import type { EngineEvent } from "#client/docker-types.ts";
import { label } from "../converge/labels.ts";
import { sinceTime } from "../engine/since-time.ts";
import { openSession } from "../open-session.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  about: "Receive real time events from containers",
  flags: {
    json: bool("Output events as a stream of json objects"),
    since: text("string", "Show all events created since timestamp"),
    until: text("string", "Stream events until this timestamp"),
  },
  operands: [0, Infinity],
  examples: [["gantry compose events --json web", "of one service"]],
  async run(context, values, services) {
    const { client, project, signal } = await openSession(context, { canLackFiles: true });
    const filters = { type: ["container"], label: [`${label.project}=${project.name}`] };
    const since = sinceTime(values.since, context.now());
    const until = sinceTime(values.until, context.now());
    for await (const event of client.events({ since, until, filters }, signal)) {
      const attributes = event.Actor.Attributes ?? {};
      const service = attributes[label.service];
      if (service === undefined || attributes[label.oneoff] === "True") continue;
      if (services.length === 0 || services.includes(service))
        context.out.write(values.json ? asJson(event, service) : asText(event));
    }
    return 0;
  },
});

function visible(event: EngineEvent): readonly (readonly [string, string])[] {
  return Object.entries(event.Actor.Attributes ?? {}).filter(
    ([name]) => !name.startsWith("com.docker.compose."),
  );
}

function asText(event: EngineEvent): string {
  const time = new Date(event.timeNano / 1e6).toISOString().replace("T", " ").replace("Z", "");
  const attributes = visible(event).map(([name, value]) => `${name}=${value}`);
  return `${time} container ${event.Action} ${event.Actor.ID} (${attributes.sort().join(", ")})\n`;
}

function asJson(event: EngineEvent, service: string): string {
  const time = new Date(event.timeNano / 1e6).toISOString();
  const { Action: action, Actor } = event;
  return `${JSON.stringify({ action, attributes: Object.fromEntries(visible(event)), id: Actor.ID, service, time, type: "container" })}\n`;
}
