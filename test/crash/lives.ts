import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { tarEnd, tarHeader, tarPadding } from "#oci/tar/writer.ts";
import type { ApiAnswer } from "../support/engine.ts";
import { absent, existence, type Fact } from "./model.ts";
import { type Life, Unexpected, type Worker } from "./worker.ts";

const forever = { Cmd: ["sleep", "100000"] };

/** Runs, ends, stays or goes. */
async function plain(worker: Worker, name: string, round: number): Promise<void> {
  const code = round % 3;
  if (code === 0) {
    await worker.create(name, forever);
    await worker.start(name);
    await worker.exec(name, "true");
    if (round % 2 === 0) return;
    worker.model.set(name, { is: "unsure", between: ["running", "exited"] });
    await worker.call("POST", `/containers/${name}/stop`, [204]);
    worker.model.set(name, { is: "exited", code: 137, output: "" });
  } else {
    await worker.create(name, { Cmd: ["sh", "-c", `echo out-${name}; exit ${code}`] });
    worker.model.set(name, { is: "unsure", between: ["created", "running", "exited"] });
    await worker.call("POST", `/containers/${name}/start`, [204]);
    await worker.call("POST", `/containers/${name}/wait`, [200]);
    worker.model.set(name, { is: "exited", code, output: `out-${name}` });
  }
  if (round % 4 !== 3) await worker.remove(name);
}

/** Networks of its own, joined and left while it runs, with ports in both families. */
async function networked(worker: Worker, name: string, round: number): Promise<void> {
  const [one, two] = [`${name}-one`, `${name}-two`];
  for (const network of [one, two]) {
    worker.model.hold(network, existence(`/networks/${network}`, "there", "absent"));
    await worker.call("POST", "/networks/create", [201], { Name: network, EnableIPv6: network === two });
    worker.model.hold(network, existence(`/networks/${network}`, "there"));
  }
  const id = await worker.create(name, {
    ...forever,
    ExposedPorts: { "80/tcp": {}, "53/udp": {} },
    HostConfig: { NetworkMode: one, PublishAllPorts: true },
  });
  await worker.start(name);
  const change = async (request: "connect" | "disconnect", among: readonly [string, string]) => {
    worker.model.hold(`${name} joins`, joined(id, ...among));
    const network = request === "connect" ? two : [two, one][round % 2];
    await worker.call("POST", `/networks/${network}/${request}`, [200], { Container: id });
    worker.model.hold(`${name} joins`, joined(id, among[1]));
  };
  await change("connect", [one, `${one} ${two}`]);
  await change("disconnect", [`${one} ${two}`, round % 2 === 0 ? one : two]);
  if (round % 3 === 2) return;
  worker.model.drop(`${name} joins`);
  await worker.remove(name);
  for (const network of [one, two]) {
    worker.model.hold(network, existence(`/networks/${network}`, "there", "absent"));
    await worker.call("DELETE", `/networks/${network}`, [204]);
    worker.model.hold(network, existence(`/networks/${network}`, "absent"));
  }
}

/** The networks that inspect shows, which the container has as many interfaces for, a while after the daemon came back. */
function joined(id: string, ...among: readonly string[]): Fact {
  const look = async ({ status, json }: ApiAnswer) => {
    if (status === 404) return absent;
    const { State, NetworkSettings } = json as {
      State: { Pid: number };
      NetworkSettings: { Networks: Record<string, unknown> };
    };
    const names = Object.keys(NetworkSettings.Networks).sort();
    const interfaces = () =>
      readFileSync(`/proc/${State.Pid}/net/dev`, "utf8").match(/^ *eth\d+:/gm)?.length ?? 0;
    for (let tried = 0; interfaces() !== names.length && tried < 60; tried++) await delay(50);
    return interfaces() === names.length
      ? names.join(" ")
      : `${names.join(" ")} with ${interfaces()} interfaces`;
  };
  return { path: `/containers/${id}/json`, look, among };
}

/** A volume that is a file system, an image as a mount, a user namespace. */
async function mounted(worker: Worker, name: string, round: number): Promise<void> {
  const path = `/volumes/${name}`;
  worker.model.hold(`volume ${name}`, existence(path, "there", "absent"));
  await worker.call("POST", "/volumes/create", [201], {
    Name: name,
    DriverOpts: { type: "tmpfs", device: "tmpfs", o: "size=1m" },
  });
  worker.model.hold(`volume ${name}`, existence(path, "there"));
  await worker.create(name, {
    ...forever,
    Volumes: { "/anonymous": {} },
    HostConfig: {
      SecurityOpt: round % 2 === 0 ? ["userns=auto"] : [],
      Mounts: [
        { Type: "volume", Source: name, Target: "/volume" },
        { Type: "image", Source: "test", Target: "/image" },
      ],
    },
  });
  await worker.start(name);
  await worker.exec(name, "sh", "-c", "test -x /image/bin/sh && echo kept > /volume/kept");
  if (round % 3 === 2) return;
  worker.model.set(name, { is: "unsure", between: ["running", "exited"] });
  await worker.call("POST", `/containers/${name}/restart?t=0`, [204]);
  await worker.remove(name);
  worker.model.hold(`volume ${name}`, existence(path, "there", "absent"));
  await worker.call("DELETE", path, [204]);
  worker.model.hold(`volume ${name}`, existence(path, "absent"));
}

/** A build with a RUN, a commit of a container, and the names of both. */
async function built(worker: Worker, name: string, round: number): Promise<void> {
  const tag = `built-${name}`;
  const path = `/images/${tag}/json`;
  const dockerfile = `FROM test\nRUN echo ${name} > /name && usleep ${(round % 4) * 20_000}\nRUN cat /name\n`;
  worker.model.hold(tag, existence(path, "there", "absent"));
  const said = await worker.upload(`/build?t=${tag}`, context(dockerfile));
  if (!said.includes("Successfully tagged")) throw new Unexpected(`build: ${said}`);
  worker.model.hold(tag, existence(path, "there"));
  await worker.create(name, { Image: tag, Cmd: ["cat", "/name"] });
  worker.model.set(name, { is: "unsure", between: ["created", "running", "exited"] });
  await worker.call("POST", `/containers/${name}/start`, [204]);
  await worker.call("POST", `/containers/${name}/wait`, [200]);
  worker.model.set(name, { is: "exited", code: 0, output: name });
  const commit = `committed-${name}`;
  worker.model.hold(commit, existence(`/images/${commit}/json`, "there", "absent"));
  await worker.call("POST", `/commit?container=${name}&repo=${commit}`, [201]);
  worker.model.hold(commit, existence(`/images/${commit}/json`, "there"));
  if (round % 3 === 2) return;
  await worker.remove(name);
  for (const image of [commit, tag]) {
    worker.model.hold(image, existence(`/images/${image}/json`, "there", "absent"));
    await worker.call("DELETE", `/images/${image}`, [200]);
    worker.model.hold(image, existence(`/images/${image}/json`, "absent"));
  }
}

function context(dockerfile: string): Buffer {
  const content = Buffer.from(dockerfile);
  const file = { linkPath: "", mode: 0o644, uid: 0, gid: 0, major: 0, minor: 0 };
  const mtime = { seconds: 1, nanoseconds: 0 };
  const head = tarHeader({ type: "file", path: "Dockerfile", ...file, mtime, size: content.length });
  return Buffer.concat([head, content, tarPadding(content.length), tarEnd]);
}

/** Changed while it runs: memory, restart policy, name; with a health check and the log driver `local`. */
async function changed(worker: Worker, name: string, round: number): Promise<void> {
  const id = await worker.create(name, {
    ...forever,
    Healthcheck: { Test: ["CMD", "true"], Interval: 50_000_000, Timeout: 10_000_000_000 },
    HostConfig: { LogConfig: { Type: "local", Config: {} }, Memory: 64 << 20, MemorySwap: -1 },
  });
  await worker.start(name);
  const [before, after] = [`${64 << 20} no`, `${96 << 20} always`];
  worker.model.hold(`${name} has`, settings(id, before, after));
  await worker.call("POST", `/containers/${id}/update`, [200], {
    Memory: 96 << 20,
    MemorySwap: -1,
    RestartPolicy: { Name: "always" },
  });
  worker.model.hold(`${name} has`, settings(id, after));
  const next = `${name}-renamed`;
  for (const either of [name, next])
    worker.model.set(either, { is: "unsure", between: ["running", "removed"] });
  await worker.call("POST", `/containers/${name}/rename?name=${next}`, [204]);
  worker.model.set(name, { is: "removed" });
  await worker.observe(next);
  if (round % 3 === 2) return;
  worker.model.drop(`${name} has`);
  await worker.remove(next);
}

/** Of the record and of the kernel. */
function settings(id: string, ...among: readonly string[]): Fact {
  const look = ({ status, json }: ApiAnswer) => {
    if (status === 404) return absent;
    const { HostConfig } = json as { HostConfig: { Memory: number; RestartPolicy: { Name: string } } };
    return `${HostConfig.Memory} ${HostConfig.RestartPolicy.Name}`;
  };
  return { path: `/containers/${id}/json`, look, among };
}

export const lives: readonly Life[] = [plain, networked, mounted, built, changed];
