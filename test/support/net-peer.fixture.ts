import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { connect, createServer } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";

// A machine of a test's network: serves its name and the asker's address by TCP and UDP on the ports it is given, and connects
// where a line on its stdin says.
const [name = "", ...ports] = process.argv.slice(2);

export interface Errand {
  readonly protocol: "tcp" | "udp" | "dns";
  readonly host: string;
  readonly port: number;
  readonly count: number;
  /** Of UDP: the same port every time is one flow to the kernel. */
  readonly localPort?: number;
  readonly waitMs?: number;
  /** Of DNS. */
  readonly question?: string;
  readonly type?: string;
}

for (const port of ports.map(Number)) {
  const answer = (address = "") => `${name} ${address.replace("::ffff:", "")}`;
  createServer((socket) => {
    socket.on("error", () => {});
    socket.end(answer(socket.remoteAddress));
  }).listen(port, "0.0.0.0");
  const udp = createSocket("udp4");
  udp.on("message", (_, from) => udp.send(answer(from.address), from.port, from.address)).bind(port);
}

function ask(errand: Errand): Promise<string> {
  if (errand.protocol === "dns") return askName(errand);
  return errand.protocol === "tcp" ? askTcp(errand) : askUdp(errand);
}

async function askName({ host, port, question = "", type = "A" }: Errand): Promise<string> {
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  resolver.setServers([`${host}:${port}`]);
  try {
    return JSON.stringify(await resolver.resolve(question, type));
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

function askTcp({ host, port, waitMs = 1000 }: Errand): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  const socket = connect({ host, port, autoSelectFamily: false });
  socket.setTimeout(waitMs, () => socket.destroy(Object.assign(new Error(), { code: "ETIMEDOUT" })));
  socket.on("data", (bytes) => {
    text += bytes.toString();
  });
  socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  socket.on("close", () => resolve(text));
  return promise;
}

function askUdp({ host, port, localPort = 0, waitMs = 1000 }: Errand): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = createSocket("udp4");
  const timer = setTimeout(() => resolve("ETIMEDOUT"), waitMs);
  socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  socket.on("message", (bytes) => resolve(bytes.toString()));
  socket.bind(localPort, () => {
    socket.connect(port, host, () => socket.send("?"));
  });
  return promise.finally(() => {
    clearTimeout(timer);
    socket.close();
  });
}

process.stdout.write("ready\n");
for await (const line of createInterface(process.stdin)) {
  const errand = JSON.parse(line) as Errand;
  const answers: string[] = [];
  for (let at = 0; at < errand.count; at++) answers.push(await ask(errand));
  process.stdout.write(`${JSON.stringify(answers)}\n`);
}
process.exit(0);
