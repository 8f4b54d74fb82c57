import { PassThrough } from "node:stream";
import { decodeBody } from "#api/docker/shapes.ts";
import { Fault, isFault, messageOf } from "#base/fault.ts";
import type { Containers, ExecRecord, TerminalSize } from "#engine/containers/containers.ts";
import { outputFrame, streamNumber } from "#engine/supervise/output-frames.ts";
import { type Answer, empty, json } from "./answer.ts";
import type { Handler, Route } from "./call.ts";
import { terminalSize } from "./container-actions.ts";
import { hijackAnswer, streamType } from "./container-streams.ts";

const RAW_STREAM = "application/vnd.docker.raw-stream";

export function execRoutes({ containers }: { readonly containers: Containers }): readonly Route[] {
  return [
    { method: "POST", path: "/containers/{id}/exec", handle: create(containers) },
    { method: "POST", path: "/exec/{id}/start", handle: start(containers) },
    {
      method: "POST",
      path: "/exec/{id}/resize",
      handle: async (call) => {
        await containers.resizeExec(call.name, terminalSize(call));
        return empty(200);
      },
    },
    {
      method: "GET",
      path: "/exec/{id}/json",
      handle: ({ name }) => json(execView(containers.getExec(name))),
    },
  ];
}

function create(containers: Containers): Handler {
  return async (call) => {
    const config = decodeBody.exec(await call.requiredJson());
    if ((config.Cmd?.length ?? 0) === 0) throw new Fault("invalid", "No exec command specified");
    for (const variable of config.Env ?? [])
      if (variable === "" || variable.startsWith("=") || variable.includes("\0"))
        throw new Fault("invalid", `invalid environment variable: ${variable}`);
    if (config.Cmd?.some((argument) => argument.includes("\0")))
      throw new Fault("invalid", "invalid argument: contains a NUL byte");
    return json({ Id: await containers.createExec(call.name, config) }, 201);
  };
}

function start(containers: Containers): Handler {
  return async (call) => {
    const body = decodeBody.execStart(await call.requiredJson());
    const exec = containers.getExec(call.name);
    const detach = body.Detach ?? false;
    const size = sizeOf(body.ConsoleSize);
    const options = { detach, tty: body.Tty ?? false, ...(size !== undefined && { size }) };
    if (detach) {
      await runDetached(containers, exec.id, options);
      return empty(200);
    }
    const type = call.hasUpgrade ? streamType(options.tty, call.version) : RAW_STREAM;
    return startAttached(containers, exec.id, options, type);
  };
}

type StartOptions = Parameters<Containers["startExec"]>[1];

async function runDetached(containers: Containers, id: string, options: StartOptions): Promise<void> {
  const attachment = await containers.startExec(id, options);
  await attachment.connect(new PassThrough());
}

/** What goes wrong from here on goes into the stream, where clients expect it; only an unknown ID has a status. */
async function startAttached(
  containers: Containers,
  id: string,
  options: StartOptions,
  type: string,
): Promise<Answer> {
  const form = { type, protocol: "raw", repeatsHeaders: true } as const;
  try {
    return hijackAnswer(await containers.startExec(id, options), form);
  } catch (error) {
    if (isFault(error, "not-found")) throw error;
    const text = Buffer.from(`${messageOf(error)}\r\n`);
    return {
      kind: "hijack",
      ...form,
      isFramed: !options.tty,
      run: async (client) => void client.end(options.tty ? text : outputFrame(streamNumber.stdout, text)),
      cancel: () => {},
    };
  }
}

function sizeOf(size: readonly number[] | undefined): TerminalSize | undefined {
  const [height = 0, width = 0] = size ?? [];
  const isSize = height > 0 && width > 0 && height <= 0xffff && width <= 0xffff;
  return isSize ? { height, width } : undefined;
}

/** @see Docker Engine API v1.51, GET /exec/{id}/json */
function execView({ id, containerId, config, isRunning, exitCode, pid, detachKeys }: ExecRecord): object {
  const [entrypoint = "", ...args] = config.Cmd ?? [];
  return {
    ID: id,
    Running: isRunning,
    ExitCode: exitCode,
    ProcessConfig: {
      tty: config.Tty ?? false,
      entrypoint,
      arguments: args,
      privileged: config.Privileged ?? false,
      ...(config.User !== undefined && config.User !== "" && { user: config.User }),
    },
    OpenStdin: config.AttachStdin ?? false,
    OpenStderr: config.AttachStderr ?? false,
    OpenStdout: config.AttachStdout ?? false,
    CanRemove: false,
    ContainerID: containerId,
    DetachKeys: detachKeys,
    Pid: pid,
  };
}
