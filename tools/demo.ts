import { existsSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isFault } from "#base/fault.ts";
import { type DockerClient, dockerClient } from "#client/docker-client.ts";
import { usualSocket } from "../cli/instance/docker-socket.ts";
import { openTerminal } from "../cli/output/terminal.ts";
import { unixTransport } from "../cli/unix-transport.ts";
import { showCluster } from "./cluster-demo.ts";

const name = "gantry-demo";
const usualPort = "8080";
const page = "<!doctype html><title>Gantry</title><h1>Served from a container that Gantry runs</h1>";
const answerTimeoutMs = 10_000;

const socket = `${process.env["GANTRY_RUN"] ?? "/run/gantry"}/docker.sock`;
const client = dockerClient(unixTransport(socket));
const signal = AbortSignal.timeout(60_000);
const out = openTerminal(process.stdout, process.env);

const before = performance.now();
const wasRunning = await ensureContainer(client);
const { NetworkSettings } = await client.inspectContainer(name, signal);
const port = NetworkSettings.Ports?.["80/tcp"]?.[0]?.HostPort;
const address = `http://127.0.0.1:${port}/`;
const text = await fetchPage(address);
const elapsedMs = Math.round(performance.now() - before);

out.write(`container   ${name} ${wasRunning ? "is already up" : "started"}, port 80 is on ${address}\n`);
out.write(
  `page        ${text === page ? out.green("came back whole") : out.red("is not the one expected")} (${elapsedMs} ms)\n`,
);
await showCluster(out);
out.write(`\n${nextSteps().join("\n")}\n`);
process.exitCode = text === page ? 0 : 1;

/** Resolves to whether it ran before. */
async function ensureContainer(docker: DockerClient): Promise<boolean> {
  const found = await docker.inspectContainer(name, signal).catch((error: unknown) => {
    if (isFault(error, "not-found")) return undefined;
    throw error;
  });
  if (found?.State.Running) return true;
  if (found !== undefined) await docker.removeContainer(name, signal);
  try {
    await runContainer(docker, usualPort);
  } catch {
    // Most likely somebody has the port: any other one will do, and any other reason comes up again.
    await runContainer(docker, "");
  }
  return false;
}

async function runContainer(docker: DockerClient, hostPort: string): Promise<void> {
  const serve = `mkdir -p /www && echo "$PAGE" >/www/index.html && exec httpd -f -v -p 80 -h /www`;
  await docker.createContainer(
    name,
    {
      Image: "busybox",
      Cmd: ["sh", "-c", serve],
      Env: [`PAGE=${page}`],
      ExposedPorts: { "80/tcp": {} },
      HostConfig: { PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: hostPort }] } },
    },
    signal,
  );
  try {
    await docker.startContainer(name, signal);
  } catch (error) {
    await docker.removeContainer(name, signal);
    throw error;
  }
}

/** A container has started before its program listens: asks again until it does. */
async function fetchPage(url: string): Promise<string> {
  const deadline = performance.now() + answerTimeoutMs;
  for (;;) {
    try {
      return (await (await fetch(url, { signal })).text()).trim();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(10, undefined, { signal });
    }
  }
}

function nextSteps(): readonly string[] {
  const isLinked = existsSync(usualSocket) && linkTarget(usualSocket) === socket;
  const hasDocker = (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(`${folder}/docker`));
  const steps = [
    ["docker run --rm -it busybox", "a shell in a container of your own"],
    [`docker logs -f ${name}`, "what the page's server says"],
    [`docker exec -it ${name} sh`, "look around in it"],
    ["bin/gantry status", "the engine"],
    ["bin/gantry image bootstrap static base debian:bookworm", "more base images"],
    ["kubectl --kubeconfig <(bin/gantry kubeconfig) get pods", "the cluster"],
    ["bin/gantry down", "stop everything; npm start brings it back"],
  ];
  return [
    out.bold("Try next:"),
    ...(isLinked ? [] : [`  export DOCKER_HOST=unix://${socket}`]),
    ...(hasDocker
      ? []
      : ["  apt-get install docker.io   # for the docker command; its daemon is not needed"]),
    ...steps.map(([line = "", what]) => `  ${line.padEnd(56)}${what}`),
  ];
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
