import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Fault, messageOf } from "#base/fault.ts";
import type { Methods } from "#rpc/methods.ts";
import type { AgentSource } from "../options/ssh.ts";
import { checkAgentMethod, checkAgentPath, forwardAgentMethod, forwardAgentPath } from "./ssh-agent.ts";

/** Agents as a build may use them. Keys get an agent of their own for the length of the build, by OpenSSH's `ssh-agent`. */
export async function openAgentMethods(
  sources: ReadonlyMap<string, AgentSource>,
): Promise<AsyncDisposable & { readonly methods: Methods }> {
  await using undo = new AsyncDisposableStack();
  const sockets = new Map<string, string>();
  for (const [id, source] of sources)
    sockets.set(id, source.kind === "socket" ? source.path : undo.use(await agentOf(source.paths)).socket);
  const methods = new Map([
    [checkAgentPath, checkAgentMethod(sockets)],
    [forwardAgentPath, forwardAgentMethod(sockets)],
  ]);
  const agents = undo.move();
  return { methods, [Symbol.asyncDispose]: () => agents.disposeAsync() };
}

async function agentOf(keys: readonly string[]): Promise<AsyncDisposable & { readonly socket: string }> {
  await using undo = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "gantry-agent-"));
  undo.defer(() => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, "agent.sock");
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  let failure: unknown;
  agent.once("error", (error) => {
    failure = error;
  });
  undo.defer(async () => {
    if (agent.pid === undefined || agent.exitCode !== null) return;
    const ended = once(agent, "exit");
    agent.kill();
    await ended;
  });
  for (let tries = 0; !existsSync(socket); tries++) {
    if (failure !== undefined || agent.exitCode !== null || tries > maxTries)
      throw new Fault(
        "precondition",
        `keys for --ssh need OpenSSH's ssh-agent: ${messageOf(failure ?? "it ended")}`,
      );
    await new Promise((resolve) => setTimeout(resolve, tryMs));
  }
  await addKeys(socket, keys);
  const open = undo.move();
  return { socket, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

const tryMs = 5;
const maxTries = 1000;

async function addKeys(socket: string, keys: readonly string[]): Promise<void> {
  const env = { ...process.env, SSH_AUTH_SOCK: socket, SSH_ASKPASS_REQUIRE: "never" };
  try {
    await promisify(execFile)("ssh-add", ["-q", ...keys], { env });
  } catch (error) {
    throw new Fault("invalid", `failed to parse ${keys.join(", ")}: ${messageOf(error)}`);
  }
}
