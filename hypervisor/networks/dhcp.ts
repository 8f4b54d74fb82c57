import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "#base/log.ts";
import { subnetOf } from "./virtual-networks.ts";

export interface DhcpSettings {
  readonly bridge: string;
  /** Of the host on the bridge. */
  readonly cidr: string;
  /** Leases are kept here. */
  readonly folder: string;
  readonly runFolder: string;
}

const restartMs = 1000;

/**
 * Addresses and names for machines on the network of VLAN 0, by a dnsmasq of our own. It ends with the daemon; leases last for
 * twelve hours and are kept. One that ends otherwise is started again.
 */
export class DhcpServer implements AsyncDisposable {
  readonly #settings: DhcpSettings;
  readonly #log: Log;
  #child: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(settings: DhcpSettings, log: Log) {
    this.#settings = settings;
    this.#log = log;
    mkdirSync(settings.folder, { recursive: true, mode: 0o700 });
    mkdirSync(settings.runFolder, { recursive: true, mode: 0o755 });
  }

  start(): void {
    endStray(this.#pidFile);
    const child = spawn("dnsmasq", [...argvOf(this.#settings, this.#pidFile)], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    let errors = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-1000)));
    child.once("error", (error) =>
      this.#log.error("no addresses for machines: dnsmasq does not start", { error }),
    );
    child.once("close", (code) => {
      if (this.#isClosed || code === null) return;
      this.#log.error("dnsmasq has ended", { code, errors });
      this.#restart = setTimeout(() => this.start(), restartMs).unref();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === undefined || child.pid === undefined || child.exitCode !== null) return;
    const closed = once(child, "close");
    child.kill("SIGTERM");
    await closed;
  }

  get #pidFile(): string {
    return join(this.#settings.runFolder, "dnsmasq.pid");
  }
}

function argvOf({ bridge, cidr, folder }: DhcpSettings, pidFile: string): readonly string[] {
  const { first, last, mask } = rangeOf(cidr);
  return [
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    `--pid-file=${pidFile}`,
    `--interface=${bridge}`,
    "--bind-dynamic",
    "--except-interface=lo",
    "--user=root",
    `--dhcp-range=${first},${last},${mask},12h`,
    `--dhcp-leasefile=${join(folder, "leases")}`,
    "--dhcp-authoritative",
    "--dhcp-no-override",
    "--domain=gantry.internal",
    "--local=/gantry.internal/",
    "--stop-dns-rebind",
    "--rebind-localhost-ok",
  ];
}

/** Every address of the subnet but the host's, which is the first. */
function rangeOf(cidr: string): { readonly first: string; readonly last: string; readonly mask: string } {
  const { base, prefix } = subnetOf(cidr).subnet;
  const size = 2 ** (32 - prefix);
  return { first: textOf(base + 2), last: textOf(base + size - 2), mask: textOf(2 ** 32 - size) };
}

function textOf(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

/** One that a killed daemon has left holds the port. */
function endStray(pidFile: string): void {
  try {
    const pid = Number(readFileSync(pidFile, "utf8"));
    if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(pidFile)) process.kill(pid, "SIGKILL");
  } catch {
    // There is none.
  }
}
