import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { loadBusybox } from "../support/busybox-image.ts";
import { EngineUnderTest } from "../support/engine.ts";
import {
  type Receiver,
  receiveStream,
  receiveUdp,
  receiveUnixDatagrams,
  unpackAll,
} from "../support/log-receivers.ts";

// Log drivers against receivers that decode what they get. The forms are those of dockerd 28.5.2, captured byte by byte.

let engine: EngineUnderTest;
const folder = mkdtempSync(join(tmpdir(), "gantry-logs-"));
const docker = (...args: string[]) => engine.docker(...args);

before(async () => {
  engine = await EngineUnderTest.start("10.222.0.1/16");
  await loadBusybox(engine);
});
after(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const say = "echo one; sleep 0.02; echo two >&2; sleep 0.02; printf part";

async function runWith(driver: string, options: readonly string[], script = say): Promise<void> {
  const flags = options.flatMap((option) => ["--log-opt", option]);
  const known = ["--name", "named", "--label", "a=b", "-e", "E=1"];
  const run = ["run", "--rm", ...known, "--log-driver", driver, ...flags];
  const { code, stderr } = await docker(...run, "test", "sh", "-c", script);
  assert.equal(code, 0, stderr);
}

const hasLines = (count: number) => (receiver: Receiver) => receiver.text.split("\n").length > count;

test("syslog: over udp in the usual form, the tag from a template", async () => {
  await using receiver = await receiveUdp();
  await runWith("syslog", [
    `syslog-address=udp://127.0.0.1:${receiver.port}`,
    "tag={{.Name}}/{{.ImageName}}",
  ]);
  const { text } = await receiver.until(hasLines(3));
  const form =
    /^<30>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d named\/test\[\d+\]: one\n<27>.*: two\n<30>.*: part\n$/;
  assert.match(text, form);
});

test("syslog: over tcp with microseconds and a facility", async () => {
  await using receiver = await receiveStream();
  const address = `syslog-address=tcp://127.0.0.1:${receiver.port}`;
  await runWith("syslog", [address, "syslog-format=rfc5424micro", "syslog-facility=local3", "tag=t"]);
  const [first = ""] = (await receiver.until(hasLines(3))).text.split("\n");
  assert.match(first, /^<158>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d) \S+ t \d+ t - one$/);
});

test("syslog: over TLS with lengths in front, and only to a server that is trusted", async () => {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"];
  execFileSync("openssl", [...request, ...name, "-keyout", key, "-out", cert], { stdio: "ignore" });
  await using receiver = await receiveStream({ tls: { key: readFileSync(key), cert: readFileSync(cert) } });
  const address = `syslog-address=tcp+tls://127.0.0.1:${receiver.port}`;
  await runWith("syslog", [address, `syslog-tls-ca-cert=${cert}`, "syslog-format=rfc5424", "tag=t"]);
  const { text } = await receiver.until(hasLines(3));
  const [, length = "", message = ""] = /^(\d+) (<30>1 [^\n]*one\n)/.exec(text) ?? [];
  assert.equal(Number(length), message.length);
  const refused = await docker("run", "--rm", "--log-driver", "syslog", "--log-opt", address, "test", "true");
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /failed to initialize logging driver: /);
});

test("syslog: over unix sockets of both kinds", async () => {
  await using stream = await receiveStream({ path: join(folder, "stream") });
  await using grams = await receiveUnixDatagrams(join(folder, "grams"));
  await runWith("syslog", [`syslog-address=unix://${join(folder, "stream")}`]);
  await runWith("syslog", [`syslog-address=unixgram://${join(folder, "grams")}`, "syslog-format=rfc3164"]);
  assert.match((await stream.until(hasLines(3))).text, /one\n.*two\n.*part\n$/s);
  assert.match((await grams.until(hasLines(3))).datagrams[1]?.toString() ?? "", /^<27>.*: two\n$/);
});

test("gelf: over udp compressed, large ones in chunks", async () => {
  await using receiver = await receiveUdp();
  const address = `gelf-address=udp://127.0.0.1:${receiver.port}`;
  await runWith("gelf", [address, "labels=a", "env=E", "tag=t"]);
  await receiver.until(({ datagrams }) => datagrams.length === 3);
  const message = JSON.parse(gunzipSync(receiver.datagrams[0] as Buffer).toString()) as Record<
    string,
    unknown
  >;
  const { version, short_message, level, _a, _E, _tag, _container_name, _image_name } = message;
  assert.deepEqual(
    [version, short_message, level, _a, _E, _tag, _container_name, _image_name],
    ["1.1", "one", 6, "b", "1", "t", "named", "test"],
  );
  await runWith("gelf", [address, "gelf-compression-type=none"], "head -c 9999 /dev/zero | tr '\\0' x; echo");
  await receiver.until(({ datagrams }) => datagrams.length >= 11);
  const chunks = receiver.datagrams.slice(3);
  assert.ok(chunks.every((chunk, index) => chunk.readUInt16BE() === 0x1e0f && chunk[10] === index));
  const whole = Buffer.concat(chunks.map((chunk) => chunk.subarray(12))).toString();
  assert.equal((JSON.parse(whole) as { short_message: string }).short_message, "x".repeat(9999));
});

test("gelf: over tcp, messages end with a NUL, empty lines are none", async () => {
  await using receiver = await receiveStream();
  await runWith("gelf", [`gelf-address=tcp://127.0.0.1:${receiver.port}`], "echo; echo x");
  const { text } = await receiver.until(({ text: so }) => so.endsWith("\0"));
  assert.equal((JSON.parse(text.slice(0, -1)) as { short_message: string }).short_message, "x");
});

test("fluentd: messages with acknowledgements, parts of long lines numbered", async () => {
  const acknowledge = (bytes: Buffer) => {
    const chunks = unpackAll(bytes).map(
      (message) => (message as [unknown, unknown, unknown, { chunk: string }])[3].chunk,
    );
    return Buffer.concat(
      chunks.map((chunk) => Buffer.concat([Buffer.from(`\x81\xa3ack\xb0`, "latin1"), Buffer.from(chunk)])),
    );
  };
  await using receiver = await receiveStream({ answer: acknowledge });
  const options = [
    "fluentd-request-ack=true",
    "fluentd-sub-second-precision=true",
    "tag=x.{{.Name}}",
    "labels=a",
  ];
  const address = `fluentd-address=127.0.0.1:${receiver.port}`;
  await runWith("fluentd", [address, ...options], "echo one; head -c 20000 /dev/zero | tr '\\0' x; echo");
  await receiver.until(({ bytes }) => unpackAll(bytes).length === 3);
  const messages = unpackAll(receiver.bytes) as [string, { seconds: number }, Record<string, string>][];
  const [tag, time, record] = messages[0] as (typeof messages)[0];
  assert.equal(tag, "x.named");
  assert.ok(time.seconds > 1.7e9);
  assert.deepEqual(
    [record["log"], record["source"], record["a"], record["container_name"]],
    ["one", "stdout", "b", "/named"],
  );
  const parts = messages.slice(1).map(([, , part]) => part);
  assert.deepEqual(
    parts.map((part) => [part["log"]?.length, part["partial_ordinal"], part["partial_last"]]),
    [
      [16384, "1", "false"],
      [3616, "2", "true"],
    ],
  );
  assert.equal(parts[0]?.["partial_id"], parts[1]?.["partial_id"]);
});

test("a receiver that is not there fails the start with dockerd's text, an asynchronous one does not", async () => {
  const failed = await docker(
    "run",
    "--rm",
    "--log-driver",
    "fluentd",
    "--log-opt",
    "fluentd-address=127.0.0.1:9",
    "test",
    "true",
  );
  assert.equal(failed.code, 125);
  assert.match(
    failed.stderr,
    /failed to initialize logging driver: dial tcp 127.0.0.1:9: connect: connection refused/,
  );
  await runWith("fluentd", ["fluentd-address=127.0.0.1:9", "fluentd-async=true"]);
});

test("logs: works with a remote driver, unless its cache is off", async () => {
  await using receiver = await receiveUdp();
  const flags = ["--log-driver", "syslog", "--log-opt", `syslog-address=udp://127.0.0.1:${receiver.port}`];
  await docker("run", "--name", "cached", ...flags, "test", "echo", "kept");
  assert.equal((await docker("logs", "cached")).stdout, "kept\n");
  await docker(
    "run",
    "--name",
    "uncached",
    ...flags,
    "--log-opt",
    "cache-disabled=true",
    "test",
    "echo",
    "gone",
  );
  const { code, stderr } = await docker("logs", "uncached");
  assert.deepEqual(
    [code, stderr],
    [1, "Error response from daemon: configured logging driver does not support reading\n"],
  );
  await docker("rm", "cached", "uncached");
});

test("a receiver that reads nothing holds up neither the daemon nor a container that does not block", async () => {
  await using receiver = await receiveStream({ isSlow: true });
  const address = `syslog-address=tcp://127.0.0.1:${receiver.port}`;
  const flags = ["--log-driver", "syslog", "--log-opt", address, "--log-opt", "mode=non-blocking"];
  const small = ["--log-opt", "cache-max-size=1m", "--log-opt", "cache-max-file=2"];
  const flood = "yes 0123456789012345678901234567890123456789 | head -c 20000000; echo done >&2";
  await docker("run", "-d", "--name", "flood", ...flags, ...small, "test", "sh", "-c", flood);
  assert.equal((await docker("wait", "flood")).stdout, "0\n");
  assert.equal((await docker("logs", "flood")).stderr, "done\n");
  assert.equal((await docker("rm", "-f", "flood")).code, 0);
});

test("a blocking container waits for its receiver before records are lost, and goes on with it", async () => {
  const slow = await receiveStream({ isSlow: true });
  const address = `syslog-address=tcp://127.0.0.1:${slow.port}`;
  const flags = ["--log-driver", "syslog", "--log-opt", address, "--log-opt", "tag=t"];
  const small = [
    "--log-opt",
    "cache-max-size=600k",
    "--log-opt",
    "cache-max-file=2",
    "--log-opt",
    "cache-compress=false",
  ];
  const count = 60_000;
  const script = `seq -w 1 ${count} | sed 's/$/ 0123456789012345678901234567890123456789012345678901234567890123456789/'`;
  await docker("run", "-d", "--name", "held", ...flags, ...small, "test", "sh", "-c", script);
  await slow.until(({ connections }) => connections > 0);
  const { port } = slow;
  await slow[Symbol.asyncDispose]();
  await using receiver = await receiveStream({ port });
  await receiver.until(({ datagrams }) => Buffer.concat(datagrams.slice(-2)).includes(`: ${count} `));
  assert.equal((await docker("wait", "held")).stdout, "0\n");
  const numbers = [...receiver.text.matchAll(/\]: (\d+) /g)].map(([, number]) => Number(number));
  const missing = numbers.filter((number, index) => index > 0 && number > (numbers[index - 1] ?? 0) + 1);
  assert.deepEqual(missing, []); // the first receiver's socket may have taken some: then they begin later
  await docker("rm", "held");
});

test("a killed daemon's successor goes on where that was: nothing is missing", async () => {
  await using receiver = await receiveStream();
  const flags = ["--log-driver", "fluentd", "--log-opt", `fluentd-address=127.0.0.1:${receiver.port}`];
  const script = "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); sleep 0.01; done";
  await docker("run", "-d", "--name", "survivor", ...flags, "test", "sh", "-c", script);
  await receiver.until(({ text }) => text.includes("line 20"));
  await engine.stop("SIGKILL");
  await engine.up();
  await receiver.until(({ text }) => text.includes("line 120"));
  await engine.stop("SIGTERM");
  await engine.up();
  await receiver.until(({ text }) => text.includes("line 299"));
  const seen = new Set([...receiver.text.matchAll(/line (\d+)/g)].map(([, number]) => Number(number)));
  assert.equal(seen.size, 300);
  await docker("rm", "-f", "survivor");
});
