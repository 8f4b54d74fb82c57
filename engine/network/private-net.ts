import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { EndpointSettings } from "#api/docker/container.ts";
import { silentLog } from "#base/log.ts";
import { openEngineDatabase } from "#engine/metadata/engine-database.ts";
import { IpKernel } from "./ip-kernel.ts";
import type { Endpoint, EndpointRequest, Networks, Sandbox } from "./networks.ts";
import { openNetworks } from "./open-networks.ts";

// What the tests of networks share: a machine of their own to play with, made of network namespaces.

const run = promisify(execFile);
const marker = "GANTRY_PRIVATE_NET";

/** Whether this process is in the namespaces that {@link runPrivately} makes. */
export const isPrivate = process.env[marker] !== undefined;

/**
 * Runs the test file again in network and mount namespaces of its own, so that nothing it does can be left on the machine.
 * Beside it is `lan`, another host that reaches this one as 192.0.2.1.
 */
export async function runPrivately(file: string): Promise<void> {
  const script = [
    "mount -t sysfs sysfs /sys && mount -t tmpfs tmpfs /run && mkdir /run/netns",
    "ip link set lo up && ip netns add lan",
    "ip link add up0 type veth peer eth0 netns lan && ip address add 192.0.2.1/24 dev up0 && ip link set up0 up",
    "ip -n lan address add 192.0.2.2/24 dev eth0 && ip -n lan link set eth0 up && ip -n lan link set lo up",
    "ip -n lan route add 172.16.0.0/12 via 192.0.2.1",
    'exec "$0" "$1"',
  ].join(" && ");
  const args = ["--net", "--mount", "--propagation", "private", "sh", "-c", script, process.execPath, file];
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  try {
    await run("unshare", args, { env: { ...env, [marker]: "1" }, timeout: 120_000 });
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout: string; readonly stderr: string };
    throw new Error(`${stdout}\n${stderr}`, { cause: error });
  }
}

export interface Machine extends AsyncDisposable {
  readonly kernel: IpKernel;
  readonly events: string[];
  readonly resolvConf: string;
  /** A daemon on this machine. Opening a second one stands for a restart. */
  readonly open: (options?: {
    readonly poolSize?: number;
    readonly bridgeCidr?: string;
  }) => ReturnType<typeof openNetworks>;
}

export async function startMachine(resolvConf = "nameserver 127.0.0.1\n"): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), "gantry-net-"));
  const kernel = new IpKernel();
  const events: string[] = [];
  const file = join(folder, "resolv.conf");
  await writeFile(file, resolvConf);
  const database = openEngineDatabase(join(folder, "db"));
  const open: Machine["open"] = (options = {}) =>
    openNetworks(
      {
        kernel,
        database,
        events: { publish: (type, action) => events.push(`${type} ${action}`) },
        log: silentLog,
        now: () => 1_700_000_000_000_000_000n,
      },
      { instance: "gantry-t", runFolder: folder, resolvConf: file, poolSize: 0, ...options },
    );
  const dispose = async () => {
    await kernel[Symbol.asyncDispose]();
    database[Symbol.dispose]();
    await rm(folder, { recursive: true });
    execFileSync("sh", ["-c", "nft flush ruleset; ip link delete gantry-t0 2>/dev/null; true"]);
  };
  return { kernel, events, resolvConf: file, open, [Symbol.asyncDispose]: dispose };
}

let serial = 0;

/** A request with everything that a test does not care about; `mode` and `settings` are its one network's. */
export function requestOf(
  given: Partial<EndpointRequest> & {
    readonly mode?: string;
    readonly settings?: Partial<EndpointSettings>;
  } = {},
): EndpointRequest {
  const { mode = "bridge", settings = {}, ...rest } = given;
  const containerId = (++serial).toString(16).padStart(12, "0").padEnd(64, "c");
  return {
    containerId,
    containerName: `name${serial}`,
    hostname: containerId.slice(0, 12),
    networks: [{ ref: mode, settings }],
    portBindings: {},
    exposedPorts: [],
    publishAll: false,
    ...rest,
  };
}

/** A container in one network. */
export async function acquireOne(
  networks: Pick<Networks, "acquire">,
  request: EndpointRequest,
  signal: AbortSignal,
): Promise<Omit<Sandbox, "endpoints"> & { readonly endpoint: Endpoint }> {
  const { endpoints, ...rest } = await networks.acquire(request, signal);
  const [endpoint] = endpoints;
  if (endpoint === undefined) throw new Error("no endpoint");
  return { ...rest, endpoint };
}

/** `{"80/tcp": …}` with one host port. */
export function publish(port: string, HostPort: string, HostIp = "") {
  return { [port]: [{ HostIp, HostPort }] };
}

/** A web server in the namespace that answers with the client's address. */
export async function serve(netns: string | undefined, port: number): Promise<AsyncDisposable> {
  const script = `require("http").createServer((q, r) => r.end(q.socket.remoteAddress)).listen(${port}, "0.0.0.0", () => console.log("up"))`;
  const child = spawn(...inside(netns, [process.execPath, "-e", script]), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise<void>((resolve) => child.stdout?.once("data", () => resolve()));
  return { [Symbol.asyncDispose]: () => ended(child) };
}

/** What a web server answers to a client in the namespace; the error's code when it does not. */
export async function get(netns: string | undefined, url: string): Promise<string> {
  const script = `
    const request = require("http").get(${JSON.stringify(url)}, { timeout: 400 }, async (r) => {
      let text = ""; for await (const part of r) text += part; console.log(text);
    });
    request.on("timeout", () => request.destroy(Object.assign(new Error(), { code: "TIMEOUT" })));
    request.on("error", (error) => console.log(error.code));`;
  return (await evaluate(netns, script)).trim();
}

/** The output of a script in the namespace. */
export async function evaluate(netns: string | undefined, script: string): Promise<string> {
  const [command, args] = inside(netns, [process.execPath, "-e", script]);
  return (await run(command, args)).stdout;
}

function inside(netns: string | undefined, command: readonly string[]): [string, string[]] {
  if (netns === undefined) return [command[0] ?? "", command.slice(1)];
  return ["nsenter", [`--net=${netns}`, ...command]];
}

async function ended(child: ChildProcess): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once("exit", () => resolve());
  child.kill();
  await promise;
}

/** Elements of our table, and interfaces that are not the machine's own. */
export function traces(): { readonly elements: readonly string[]; readonly links: readonly string[] } {
  const rules = execFileSync("nft", ["list", "ruleset"], { encoding: "utf8" });
  const elements = rules.match(/\d+ : [\d.]+ \. \d+/g) ?? [];
  const links = execFileSync("ip", ["-br", "link"], { encoding: "utf8" })
    .split("\n")
    .map((line) => line.split(/[ @]/)[0] ?? "")
    .filter((name) => /^(gv|br-|gt|veth)/.test(name));
  return { elements, links };
}
