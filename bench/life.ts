// The life of a container by API, phase by phase, on any Docker sockets side by side: create, start, start→exit, remove, exec.
//   node bench/life.ts [--rounds=30] [--network=none] [--image=busybox] unix:///a.sock unix:///b.sock …
// Rounds are interleaved, so that the machine's moods meet everybody alike; the first socket is the base of the ratios.
import http from "node:http";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "30" },
    network: { type: "string", default: "none" },
    image: { type: "string", default: "busybox" },
  },
});
const sockets = positionals.map((text) => text.replace(/^unix:\/\//, ""));
if (sockets.length === 0) throw new Error("name at least one socket");
const agent = new http.Agent({ keepAlive: true });

function call(socketPath: string, method: string, path: string, body?: object): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const text = body === undefined ? "" : JSON.stringify(body);
  const headers =
    body === undefined
      ? {}
      : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) };
  const request = http.request({ socketPath, method, path: `/v1.41${path}`, agent, headers }, (answer) => {
    let content = "";
    answer.on("data", (bytes: Buffer) => {
      content += bytes.toString();
    });
    answer.on("end", () => {
      if ((answer.statusCode ?? 500) >= 400)
        reject(new Error(`${method} ${path}: ${answer.statusCode} ${content}`));
      else resolve(content);
    });
  });
  request.on("error", reject);
  request.end(text);
  return promise;
}

async function create(socket: string, command: readonly string[]): Promise<string> {
  const body = { Image: values.image, Cmd: command, HostConfig: { NetworkMode: values.network } };
  return (JSON.parse(await call(socket, "POST", "/containers/create", body)) as { Id: string }).Id;
}

async function life(socket: string): Promise<Readonly<Record<string, number>>> {
  const t0 = performance.now();
  const id = await create(socket, ["true"]);
  const t1 = performance.now();
  const waiting = call(socket, "POST", `/containers/${id}/wait?condition=next-exit`);
  await new Promise((resolve) => setTimeout(resolve, 2)); // so that the wait is there before the start
  const t2 = performance.now();
  await call(socket, "POST", `/containers/${id}/start`);
  const t3 = performance.now();
  await waiting;
  const t4 = performance.now();
  await call(socket, "DELETE", `/containers/${id}`);
  const t5 = performance.now();
  return {
    create: t1 - t0,
    start: t3 - t2,
    "start→exit": t4 - t2,
    remove: t5 - t4,
    whole: t1 - t0 + t5 - t2,
  };
}

async function exec(socket: string, id: string): Promise<number> {
  const begin = performance.now();
  const made = await call(socket, "POST", `/containers/${id}/exec`, { Cmd: ["true"], AttachStdout: true });
  await call(socket, "POST", `/exec/${(JSON.parse(made) as { Id: string }).Id}/start`, { Detach: false });
  return performance.now() - begin;
}

const samples = sockets.map(() => new Map<string, number[]>());
const hosts: string[] = [];
for (const socket of sockets) {
  const id = await create(socket, ["sleep", "100000"]);
  await call(socket, "POST", `/containers/${id}/start`);
  hosts.push(id);
}
for (let round = -1; round < Number(values.rounds); round++)
  for (const [index, socket] of sockets.entries()) {
    const phases = { ...(await life(socket)), exec: await exec(socket, hosts[index] ?? "") };
    if (round < 0) continue; // warming up
    for (const [phase, ms] of Object.entries(phases)) {
      const list = samples[index]?.get(phase) ?? [];
      list.push(ms);
      samples[index]?.set(phase, list);
    }
  }
for (const [index, socket] of sockets.entries())
  await call(socket, "DELETE", `/containers/${hosts[index]}?force=1`);

const median = (list: readonly number[] = []) =>
  list.toSorted((a, b) => a - b)[list.length >> 1] ?? Number.NaN;
console.log(["phase (median ms)", ...sockets].join("\t"));
for (const phase of samples[0]?.keys() ?? []) {
  const medians = samples.map((sample) => median(sample.get(phase)));
  const base = medians[0] ?? Number.NaN;
  console.log(
    [
      phase,
      ...medians.map((ms, i) => `${ms.toFixed(2)}${i === 0 ? "" : ` ×${(ms / base).toFixed(2)}`}`),
    ].join("\t"),
  );
}
agent.destroy();
