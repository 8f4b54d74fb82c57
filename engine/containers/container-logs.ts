import { hostname } from "node:os";
import { Fault } from "#base/fault.ts";
import { goJson } from "#base/go-json.ts";
import type { ForwardedLog } from "#engine/logs/forwarders.ts";
import type { OpenedLog } from "#engine/logs/forwarding-thread.ts";
import { readLog } from "#engine/logs/json-file.ts";
import { extraAttributes, type LogInfo } from "#engine/logs/log-info.ts";
import { canReadBack, checkLogStart, isRemote, rotationOf } from "#engine/logs/log-options.ts";
import { renderTag } from "#engine/logs/tag-template.ts";
import { type EnginePaths, logFile, shippedFile } from "#engine/runtime/paths.ts";
import type { ShimControl } from "#engine/supervise/shim-client.ts";
import type { Containers } from "./containers.ts";
import type { ContainerContext } from "./context.ts";
import type { ContainerRecord } from "./record.ts";

/** @see Containers.logs */
export function readContainerLog(
  { tasks, paths }: Pick<ContainerContext, "tasks" | "paths">,
  record: ContainerRecord,
  query: Parameters<Containers["logs"]>[1],
  signal: AbortSignal,
): AsyncIterable<Buffer> {
  const { LogConfig: config } = record.hostConfig;
  if (!query.stdout && !query.stderr)
    throw new Fault("invalid", "Bad parameters: you must choose at least one stream");
  if (!canReadBack(config))
    throw new Fault("not-implemented", "configured logging driver does not support reading");
  const { details, ...rest } = query;
  const info = logInfo(paths, record);
  checkLogStart(config, info);
  const ended = tasks.get(record.id)?.control.exited.then(() => undefined) ?? Promise.resolve();
  return readLog(
    { path: logFile(paths, record.id), ended },
    {
      ...rest,
      framing: record.config.Tty ? "raw" : "multiplexed",
      ...(details && { prefix: detailsText(info) }),
    },
    signal,
  );
}

export function forwardedLog(paths: EnginePaths, record: ContainerRecord): ForwardedLog {
  return {
    config: record.hostConfig.LogConfig,
    info: logInfo(paths, record),
    path: logFile(paths, record.id),
    shippedPath: shippedFile(paths, record.id),
  };
}

/** What `LogPath` of inspect says: only json-file logs are for others to read. */
export function shownLogPath(paths: EnginePaths, { id, hostConfig }: ContainerRecord): string {
  return hostConfig.LogConfig.Type === "json-file" ? logFile(paths, id) : "";
}

function logInfo(paths: EnginePaths, record: ContainerRecord): LogInfo {
  const [entrypoint = "", ...args] = record.args;
  return {
    options: record.hostConfig.LogConfig.Config,
    containerId: record.id,
    containerName: record.name,
    entrypoint,
    args,
    imageId: record.imageId,
    imageName: record.config.Image,
    created: record.created,
    env: record.config.Env,
    labels: record.config.Labels,
    hostname: hostname(),
    logPath: shownLogPath(paths, record),
  };
}

/** What a container's shim is told about its log. @see docs/formats/shim-protocol.md */
export function shimLogArguments(paths: EnginePaths, record: ContainerRecord): readonly string[] {
  const { LogConfig: config } = record.hostConfig;
  if (record.pod !== undefined)
    return record.pod.logPath === "" ? [] : [`log=${record.pod.logPath}`, "log-cri=1"];
  if (config.Type === "none") return [];
  const { maxBytes, maxFiles, isCompressed } = rotationOf(config);
  const isSentOn = isRemote(config.Type);
  const attributes = config.Type === "json-file" ? attributesOf(logInfo(paths, record)) : [];
  return [
    `log=${logFile(paths, record.id)}`,
    `log-max-bytes=${maxBytes}`,
    `log-max-files=${maxFiles}`,
    ...(isCompressed ? ["log-compress=1"] : []),
    ...(isSentOn ? ["log-ship=1"] : []),
    ...(isSentOn && config.Config["mode"] !== "non-blocking" ? ["log-hold=1"] : []),
    ...(attributes.length === 0 ? [] : [`log-attrs=${goJson(Object.fromEntries(attributes))}`]),
  ];
}

function attributesOf(info: LogInfo): readonly (readonly [string, string])[] {
  const found = new Map(extraAttributes(info));
  if (info.options["tag"]) found.set("tag", renderTag(info));
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** What `logs --details` puts before each line. */
function detailsText(info: LogInfo): string {
  const pairs = attributesOf(info).map(([name, value]) => `${queryEscape(name)}=${queryEscape(value)}`);
  return `${pairs.join(",")} `;
}

/** As Go's url.QueryEscape. */
function queryEscape(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}

/** Connects to where the log is sent, before the start. Who has the engine's own logs alone waits for nobody. */
export async function openLog(
  { forwarders, paths }: ContainerContext,
  record: ContainerRecord,
  signal: AbortSignal,
): Promise<OpenedLog | undefined> {
  const { Type: type, Config: options } = record.hostConfig.LogConfig;
  if (type === "none" || (type === "json-file" && Object.keys(options).length === 0)) return undefined;
  return forwarders.open(forwardedLog(paths, record), signal);
}

/** Sends on what a running container writes, where its log driver does. */
export function forwardLog(
  { forwarders, paths }: ContainerContext,
  record: ContainerRecord,
  control: ShimControl,
  opened: OpenedLog | undefined,
): void {
  if (!isRemote(record.hostConfig.LogConfig.Type)) return;
  forwarders.follow(forwardedLog(paths, record), {
    ended: control.exited.then(() => undefined),
    onFile: (inode) => control.logAt(inode),
    opened,
  });
}
