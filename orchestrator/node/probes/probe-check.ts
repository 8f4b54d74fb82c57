import net from "node:net";
import type { Container, Pod, Probe } from "#api/kube/types/core-pods.ts";
import { isFault, messageOf } from "#base/fault.ts";
import { GrpcClient } from "#rpc/grpc-client.ts";
import { findHealthStatus, healthPath, healthRequest, healthResponse } from "./grpc-health.ts";
import type { CriClient } from "#rpc/cri-client.ts";
import { httpGet, type HttpTarget } from "./http-check.ts";

export interface CheckResult {
  readonly result: "success" | "failure" | "unknown";
  readonly message: string;
}

export interface CheckInput {
  readonly cri: CriClient;
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

/** Looks once whether a container is as a probe wants it. Ends within the probe's timeout, and never throws. */
export async function check(input: CheckInput, probe: Probe, signal: AbortSignal): Promise<CheckResult> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  try {
    if (probe.exec !== undefined) return await execCheck(input, probe.exec.command ?? [], timeoutMs, signal);
    if (probe.httpGet !== undefined) return await httpCheck(input, probe.httpGet, timeoutMs, signal);
    if (probe.tcpSocket !== undefined) {
      const { host = "", port } = probe.tcpSocket;
      return await tcpCheck(
        host === "" ? input.podIp : host,
        portOf(input.container, port),
        timeoutMs,
        signal,
      );
    }
    if (probe.grpc !== undefined) return await grpcCheck(input, probe.grpc, timeoutMs, signal);
    return { result: "unknown", message: `missing probe handler for ${input.container.name}` };
  } catch (error) {
    return { result: "unknown", message: messageOf(error) };
  }
}

async function execCheck(
  { cri, containerId, container }: CheckInput,
  command: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<CheckResult> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs + 2_000)]);
  try {
    const request = { containerId, cmd: [...command], timeout: Math.ceil(timeoutMs / 1000) };
    const { stdout, stderr, exitCode } = await cri.runtime.execSync(request, limit);
    const output = Buffer.concat([stdout, stderr]).subarray(0, 10_240).toString();
    return { result: exitCode === 0 ? "success" : "failure", message: output };
  } catch (error) {
    const text = messageOf(error);
    const isLate = limit.aborted || /timed out|timeout|deadline/i.test(text);
    if (!isLate) return { result: isFault(error, "not-found") ? "failure" : "unknown", message: text };
    const quoted = `"${command.join(" ")}"`;
    return {
      result: "failure",
      message: `command timed out: ${quoted} timed out after ${timeoutMs / 1000}s (container ${container.name})`,
    };
  }
}

/** Where a handler of the kind points. @throws {Error} for a port that has no number */
export function httpTarget(
  input: Pick<CheckInput, "container" | "podIp">,
  get: NonNullable<Probe["httpGet"]>,
): HttpTarget {
  const { host = "", port, path = "/", scheme = "HTTP", httpHeaders = [] } = get;
  return {
    scheme: scheme === "HTTPS" ? "https" : "http",
    host: host === "" ? input.podIp : host,
    port: portOf(input.container, port),
    path: path === "" ? "/" : path,
    headers: httpHeaders,
  };
}

async function httpCheck(
  input: CheckInput,
  get: NonNullable<Probe["httpGet"]>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<CheckResult> {
  try {
    const { status, body } = await httpGet(httpTarget(input, get), timeoutMs, signal);
    if (status >= 200 && status < 400) return { result: "success", message: body };
    return { result: "failure", message: `HTTP probe failed with statuscode: ${status}` };
  } catch (error) {
    return { result: "failure", message: messageOf(error) };
  }
}

/** @throws {Error} when the container has no port of the name */
function portOf(container: Container, port: number | string): number {
  if (typeof port === "number") return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort ?? Number(port);
  if (!Number.isInteger(named) || named <= 0 || named > 65_535)
    throw new Error(`couldn't find port: ${port}`);
  return named;
}

async function tcpCheck(
  host: string,
  port: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<CheckResult> {
  const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  try {
    const socket = await connect(host, port, timeoutMs, signal);
    socket.destroy();
    return { result: "success", message: "" };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const reason = code === "ECONNREFUSED" ? "connect: connection refused" : "i/o timeout";
    return { result: "failure", message: `dial tcp ${address}: ${reason}` };
  }
}

async function connect(
  host: string,
  port: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<net.Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>();
  const socket = net.connect({
    host,
    port,
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
  socket.once("connect", () => resolve(socket));
  socket.once("error", reject);
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function grpcCheck(
  { podIp }: CheckInput,
  { port, service = "" }: NonNullable<Probe["grpc"]>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<CheckResult> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  let client: GrpcClient | undefined;
  try {
    const socket = await connect(podIp, port, timeoutMs, limit);
    socket.on("error", () => {}); // what it means is told by the call
    client = new GrpcClient(socket, "the probe's connection");
    const answer = await client.unary(healthPath, [healthRequest, healthResponse], { service }, limit);
    const status = findHealthStatus(answer.status ?? 0);
    if (status === "SERVING") return { result: "success", message: "" };
    return { result: "failure", message: `service unhealthy (responded with "${status}")` };
  } catch (error) {
    if (isFault(error, "not-implemented"))
      return {
        result: "failure",
        message:
          "this server does not implement the grpc health protocol (grpc.health.v1.Health): " +
          messageOf(error),
      };
    const isLate = limit.aborted || !isFault(error);
    return {
      result: "failure",
      message: isLate
        ? `timeout: failed to connect service "${podIp}:${port}" within ${timeoutMs / 1000}s: ${messageOf(error)}`
        : `error: health rpc probe failed: ${messageOf(error)}`,
    };
  } finally {
    client?.destroy();
  }
}
