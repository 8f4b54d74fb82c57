import { execFileSync, type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Push and pull of one image to `gantry registry` and to Debian's docker-registry, turn by turn:
//
//   node bench/registry.ts [DOCKER-ARCHIVE [ROUNDS]]
//
// `push` and `pull` are the blobs of the archive's layers, as they are, three at a time, as docker sends and fetches them; the client
// does nothing with them but count. `skopeo push` and `skopeo pull` are the whole image with its layers compressed beforehand.

const [archive = "/tmp/bench-data/deb8.tar", roundsText = "5"] = process.argv.slice(2);
const checkout = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "gantry-bench-registry-"));
const atOnce = 3;

interface Server {
  readonly name: string;
  readonly port: number;
  readonly process: ChildProcess;
}

interface Blob {
  readonly path: string;
  readonly digest: string;
  readonly size: number;
}

function startOurs(port: number): Server {
  const words = ["registry", "--root", join(folder, "ours"), "--listen", `127.0.0.1:${port}`];
  return { name: "gantry", port, process: spawn(join(checkout, "bin/gantry"), words, { stdio: "ignore" }) };
}

function startPeer(port: number): Server {
  const config = [
    "version: 0.1",
    "log: {level: error}",
    `storage: {filesystem: {rootdirectory: ${folder}/peer}, delete: {enabled: true}}`,
    `http: {addr: "127.0.0.1:${port}"}`,
  ];
  writeFileSync(join(folder, "peer.yml"), config.join("\n"));
  const process = spawn("docker-registry", ["serve", join(folder, "peer.yml")], { stdio: "ignore" });
  return { name: "docker-registry", port, process };
}

function call(port: number, method: string, path: string, body?: string): Promise<http.IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
  const request = http.request({ host: "127.0.0.1", port, method, path, headers: length }, resolve);
  request.on("error", reject);
  request.end(body ?? "");
  return promise;
}

async function untilUp({ port }: Server): Promise<void> {
  for (;;)
    try {
      (await call(port, "GET", "/v2/")).resume();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

async function pushBlob({ port }: Server, name: string, { path, digest, size }: Blob): Promise<void> {
  const begun = await call(port, "POST", `/v2/${name}/blobs/uploads/`);
  begun.resume();
  const location = new URL(begun.headers.location ?? "", `http://127.0.0.1:${port}`);
  const patched = await send(location, path, size);
  const last = new URL(patched.headers.location ?? "", location);
  last.searchParams.set("digest", digest);
  const put = await call(port, "PUT", last.pathname + last.search);
  put.resume();
  if (put.statusCode !== 201) throw new Error(`PUT: ${put.statusCode}`);
}

/** Reads and writes by hand, so that the client costs next to nothing. */
async function send(url: URL, path: string, size: number): Promise<http.IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  const request = http.request(url, { method: "PATCH", headers: { "Content-Length": size } }, (answer) => {
    answer.resume();
    resolve(answer);
  });
  request.on("error", reject);
  const file = openSync(path, "r");
  for (;;) {
    const buffer = Buffer.allocUnsafeSlow(1 << 20);
    const count = readSync(file, buffer);
    if (count === 0) break;
    if (!request.write(buffer.subarray(0, count))) await new Promise((done) => request.once("drain", done));
  }
  closeSync(file);
  request.end();
  return await promise;
}

async function pullBlob({ port }: Server, name: string, { digest, size }: Blob): Promise<void> {
  const answer = await call(port, "GET", `/v2/${name}/blobs/${digest}`);
  let count = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) count += chunk.length;
  if (count !== size) throw new Error(`GET: ${count} of ${size} bytes`);
}

async function inParallel(blobs: readonly Blob[], work: (blob: Blob) => Promise<void>): Promise<void> {
  const left = [...blobs];
  const worker = async () => {
    for (let blob = left.shift(); blob !== undefined; blob = left.shift()) await work(blob);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

function layersOf(): readonly Blob[] {
  const unpacked = join(folder, "layers");
  mkdirSync(unpacked);
  execFileSync("tar", ["-C", unpacked, "-xf", archive]);
  const [manifest] = JSON.parse(readFileSync(join(unpacked, "manifest.json"), "utf8")) as {
    Layers: string[];
  }[];
  return (manifest?.Layers ?? []).map((layer) => {
    const path = join(unpacked, layer);
    const digest = `sha256:${createHash("sha256").update(readFileSync(path)).digest("hex")}`;
    return { path, digest, size: statSync(path).size };
  });
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const before = performance.now();
  await work();
  return (performance.now() - before) / 1000;
}

function skopeo(...words: string[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawn("skopeo", ["copy", "-q", ...words], { stdio: ["ignore", "ignore", "inherit"] });
  child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`skopeo: ${code}`))));
  return promise;
}

/** Peak resident memory, MB. */
function peakOf({ process }: Server): number {
  const status = readFileSync(`/proc/${process.pid}/status`, "utf8");
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024);
}

/** Processor time so far, seconds. */
function usedBy({ process }: Server): number {
  const fields = readFileSync(`/proc/${process.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const median = (numbers: readonly number[]) =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

const servers = [startOurs(5971), startPeer(5972)];
try {
  const blobs = layersOf();
  const layout = join(folder, "layout");
  await skopeo(`docker-archive:${archive}`, `oci:${layout}:1`);
  for (const server of servers) await untilUp(server);
  const results = new Map<string, Map<string, number[]>>();
  for (let round = 0; round < Number(roundsText); round++)
    for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
      const name = `bench/${randomBytes(4).toString("hex")}`;
      const image = `docker://localhost:${server.port}/${name}/whole:1`;
      const steps: readonly (readonly [string, () => Promise<void>])[] = [
        ["push", () => inParallel(blobs, (blob) => pushBlob(server, name, blob))],
        ["pull", () => inParallel(blobs, (blob) => pullBlob(server, name, blob))],
        ["skopeo push", () => skopeo("--dest-tls-verify=false", `oci:${layout}:1`, image)],
        ["skopeo pull", () => skopeo("--src-tls-verify=false", image, `dir:${join(folder, "pulled")}`)],
      ];
      for (const [step, work] of steps) {
        const used = usedBy(server);
        const time = await seconds(work);
        const row = results.get(step) ?? new Map<string, number[]>();
        results.set(step, row);
        row.set(server.name, [...(row.get(server.name) ?? []), time]);
        const cpu = `${step}, processor`;
        const cpuRow = results.get(cpu) ?? new Map<string, number[]>();
        results.set(cpu, cpuRow);
        cpuRow.set(server.name, [...(cpuRow.get(server.name) ?? []), usedBy(server) - used]);
      }
    }
  const bytes = blobs.reduce((sum, { size }) => sum + size, 0);
  const lines = [
    `${blobs.length} layers, ${Math.round(bytes / 1e6)} MB; seconds, median of ${roundsText} (least)`,
  ];
  for (const [step, row] of results) {
    const cells = Array.from(
      row,
      ([name, times]) => `${name} ${median(times).toFixed(2)} (${Math.min(...times).toFixed(2)})`,
    );
    const [ours = [], peer = []] = servers.map(({ name }) => row.get(name));
    const ratio = `×${(median(ours) / median(peer)).toFixed(2)} (×${(Math.min(...ours) / Math.min(...peer)).toFixed(2)})`;
    lines.push(`${step.padEnd(24)} ${cells.join("  ")}  ${ratio}`);
  }
  lines.push(servers.map((server) => `${server.name}: peak ${peakOf(server)} MB`).join(", "));
  process.stdout.write(`${lines.join("\n")}\n`);
} finally {
  for (const { process } of servers) process.kill();
  rmSync(folder, { recursive: true, force: true });
}
