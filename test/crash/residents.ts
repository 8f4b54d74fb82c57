import http from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { EngineUnderTest } from "../support/engine.ts";
import { type Receiver, receiveUdp } from "../support/log-receivers.ts";

const volumeOptions = ["-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m"];
const counter = "n=0; while :; do n=$((n+1)); echo line $n; usleep 50000; done";
const health = ["--health-cmd", "test -e /volume/index.html", "--health-interval", "200ms"];
/** What a name, a port or a health check may need to work again after a start. */
const recoveredWithinMs = 5000;

/**
 * Containers that use everything and outlive every daemon: after each kill they have to work as before, not only to be listed.
 */
export class Residents implements AsyncDisposable {
  readonly #engine: EngineUnderTest;
  readonly #receiver: Receiver;
  #restarts = 0;
  #isReleased = false;
  /** Things found wrong, as text. */
  readonly violations: string[] = [];

  static async settle(engine: EngineUnderTest): Promise<Residents> {
    const residents = new Residents(engine, await receiveUdp());
    const web = ["--network", "resident-one", "-p", "0:80", "--security-opt", "userns=auto"];
    const mounts = ["-v", "resident:/volume", "--mount", "type=image,src=test,dst=/image"];
    const syslog = [
      "--log-driver",
      "syslog",
      "--log-opt",
      `syslog-address=udp://127.0.0.1:${residents.#receiver.port}`,
    ];
    const server = "echo hello > /volume/index.html; exec httpd -f -p 80 -h /volume";
    for (const command of [
      ["network", "create", "resident-one"],
      ["network", "create", "--ipv6", "resident-two"],
      ["volume", "create", ...volumeOptions, "resident"],
      ["run", "-d", "--name", "web", ...web, ...mounts, ...health, "test", "sh", "-c", server],
      ["network", "connect", "resident-two", "web"],
      ["run", "-d", "--name", "peer", "--network", "resident-two", ...syslog, "test", "sh", "-c", counter],
      ["run", "-d", "--name", "local", "--log-driver", "local", "test", "sh", "-c", counter],
      ["run", "-d", "--name", "phoenix", "--restart", "always", "test", "sh", "-c", "usleep 300000; exit 1"],
    ])
      await residents.#docker(...command);
    return residents;
  }

  private constructor(engine: EngineUnderTest, receiver: Receiver) {
    this.#engine = engine;
    this.#receiver = receiver;
  }

  static readonly names: readonly string[] = ["web", "peer", "local", "phoenix"];

  /** They are to come back whenever their host does. */
  async alwaysRestart(): Promise<void> {
    this.#restarts++;
    await this.#docker("update", "--restart", "always", ...Residents.names);
  }

  /** Looks at all of them. */
  async check(): Promise<void> {
    const arrived = this.#receiver.datagrams.length;
    await this.#holds("web answers in its namespaces", async () => {
      const { Health } = (await this.#inspect("web")).State;
      return Health?.Status === "healthy" ? undefined : `health ${Health?.Status}`;
    });
    await this.#holds("web is reached by name", async () => {
      const { code, stdout } = await this.#engine.docker("exec", "peer", "ping", "-c1", "-W1", "web");
      return code === 0 ? undefined : stdout;
    });
    await this.#holds("the image is mounted", async () => {
      const { code, stderr } = await this.#engine.docker("exec", "web", "test", "-x", "/image/bin/sh");
      return code === 0 ? undefined : stderr;
    });
    await this.#holds("the port leads in", () => this.#checkPorts());
    await this.#holds("syslog goes on", async () =>
      this.#receiver.datagrams.length > arrived ? undefined : `${arrived} datagrams`,
    );
    await this.#holds("phoenix comes back", async () => {
      const { Status } = (await this.#inspect("phoenix")).State;
      return Status === "running" || Status === "restarting" ? undefined : Status;
    });
    const local = (await this.#engine.docker("logs", "local")).stdout;
    this.#checkCount("the local log", local);
  }

  /** Ends them; nothing that they said may be missing. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#docker("stop", "-t", "0", "peer");
    const log = (await this.#docker("logs", "peer")).trim();
    const last = log.slice(log.lastIndexOf("\n") + 1);
    await this.#holds("syslog has the last line", async () =>
      this.#receiver.text.includes(`: ${last}\n`) ? undefined : last,
    );
    const sent = this.#receiver.text.replace(/^<.*?: /gm, "");
    this.#checkCount("what syslog got", [...new Set(sent.split("\n"))].join("\n"));
    await this.#docker("rm", "-f", "-v", ...Residents.names);
    await this.#docker("network", "rm", "resident-one", "resident-two");
    await this.#docker("volume", "rm", "resident");
    await this.release();
  }

  /** Alone for those whose engine is gone. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    await this.#receiver[Symbol.asyncDispose]();
  }

  async #checkPorts(): Promise<string | undefined> {
    const { NetworkSettings } = await this.#inspect("web");
    const port = Number(NetworkSettings.Ports["80/tcp"]?.[0]?.HostPort);
    const gateway6 = NetworkSettings.Networks["resident-two"]?.IPv6Gateway ?? "";
    for (const host of ["127.0.0.1", gateway6]) {
      const answer = await get(host, port);
      if (answer !== "hello\n") return `${host}: ${answer}`;
    }
    return undefined;
  }

  #checkCount(what: string, text: string): void {
    const lines = text.trimEnd().split("\n");
    const isFirst = (index: number) => this.#restarts > 0 && lines[index] === "line 1";
    const follows = (line: string, index: number) =>
      isFirst(index) || line === `line ${Number(lines[index - 1]?.slice(5) ?? 0) + 1}`;
    const wrong = lines.findIndex((line, index) => !follows(line, index));
    if (wrong >= 0) this.violations.push(`${what} has ${JSON.stringify(lines[wrong])} as line ${wrong + 1}`);
  }

  /** `look` says what is wrong, if anything is. */
  async #holds(claim: string, look: () => Promise<string | undefined>): Promise<void> {
    const deadline = performance.now() + recoveredWithinMs;
    for (;;) {
      const wrong = await look();
      if (wrong === undefined) return;
      if (performance.now() > deadline) return void this.violations.push(`not so: ${claim}: ${wrong}`);
      await delay(20);
    }
  }

  async #inspect(name: string) {
    return (await this.#engine.api("GET", `/containers/${name}/json`)).json as {
      readonly State: { readonly Status: string; readonly Health?: { readonly Status: string } };
      readonly NetworkSettings: {
        readonly Ports: Record<string, { HostPort: string }[]>;
        readonly Networks: Record<string, { IPv6Gateway: string }>;
      };
    };
  }

  async #docker(...command: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#engine.docker(...command);
    if (code !== 0) throw new Error(`docker ${command.join(" ")}: ${stderr}`);
    return stdout;
  }
}

async function get(host: string, port: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const request = http.get({ host, port, path: "/", agent: false, timeout: 2000 }, (answer) => {
    answer.toArray().then(
      (chunks) => resolve(chunks.join("")),
      (error: Error) => resolve(error.message),
    );
  });
  request.on("timeout", () => request.destroy(new Error("no answer")));
  request.on("error", (error) => resolve(error.message));
  return promise;
}
