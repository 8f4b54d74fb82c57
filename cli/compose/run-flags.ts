import { readFile } from "node:fs/promises";
import type { Context } from "../context.ts";
import { parseDotenv } from "./load/dotenv.ts";
import { parsePort, parseVolume } from "./load/short-syntax.ts";
import { splitWords } from "./load/split-words.ts";
import type { Port, Project, Service, VolumeMount } from "./model.ts";
import { resolvePath } from "./load/paths.ts";

interface RunValues {
  readonly "cap-add": readonly string[];
  readonly "cap-drop": readonly string[];
  readonly entrypoint: string | undefined;
  readonly env: readonly string[];
  readonly "env-from-file": readonly string[];
  readonly interactive: boolean;
  readonly label: readonly string[];
  readonly publish: readonly string[];
  readonly "service-ports": boolean;
  readonly user: string | undefined;
  readonly volume: readonly string[];
  readonly workdir: string | undefined;
}

/** The service as `run` starts it: its own command and options, no ports unless asked for, no restarts. */
export async function withRunFlags(
  context: Context,
  project: Project,
  service: Service,
  words: readonly string[],
  values: RunValues,
  isTerminal: boolean,
): Promise<Service> {
  const { container_name: _, restart: __, deploy, ports, ...kept } = service;
  const { restart_policy: ___, replicas: ____, ...deployed } = deploy ?? {};
  const published = values.publish.flatMap((item) => parsePort(item) as unknown as readonly Port[]);
  const allPorts = [...(values["service-ports"] ? (ports ?? []) : []), ...published];
  const entrypoint = values.entrypoint === undefined ? service.entrypoint : splitWords(values.entrypoint);
  const resetsCommand = values.entrypoint !== undefined && words.length === 0;
  return {
    ...kept,
    ...(deploy === undefined ? {} : { deploy: deployed }),
    ...(allPorts.length === 0 ? {} : { ports: allPorts }),
    command: words.length > 0 ? words : resetsCommand ? [] : service.command,
    entrypoint,
    tty: isTerminal,
    stdin_open: values.interactive,
    scale: 1,
    ...(values.user === undefined ? {} : { user: values.user }),
    ...(values.workdir === undefined ? {} : { working_dir: values.workdir }),
    cap_add: [...(service.cap_add ?? []), ...values["cap-add"]],
    cap_drop: [...(service.cap_drop ?? []), ...values["cap-drop"]],
    labels: new Map([...(service.labels ?? []), ...values.label.map(pair)]),
    environment: new Map([...(service.environment ?? []), ...(await environmentOf(project, values))]),
    volumes: [...(service.volumes ?? []), ...values.volume.map((item) => volumeOf(context, project, item))],
  };
}

function pair(item: string): readonly [string, string] {
  const equals = item.indexOf("=");
  return equals < 0 ? [item, ""] : [item.slice(0, equals), item.slice(equals + 1)];
}

async function environmentOf(
  { environment }: Project,
  values: RunValues,
): Promise<readonly (readonly [string, string | null])[]> {
  const found: (readonly [string, string | null])[] = [];
  for (const file of values["env-from-file"])
    found.push(...parseDotenv(await readFile(file, "utf8"), (name) => environment[name]));
  for (const item of values.env)
    found.push(item.includes("=") ? pair(item) : [item, environment[item] ?? null]);
  return found;
}

function volumeOf(context: Context, project: Project, item: string): VolumeMount {
  const parsed = parseVolume(item) as unknown as VolumeMount;
  if (parsed.type !== "bind" || parsed.source === undefined) return parsed;
  return { ...parsed, source: resolvePath(parsed.source, project.folder, context.env["HOME"] ?? "/") };
}
