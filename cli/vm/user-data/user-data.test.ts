import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { load } from "js-yaml";
import { isFault } from "#base/fault.ts";
import { checkUserData } from "./check-user-data.ts";
import { baseConfig, type CloudConfig, writeCloudConfig } from "./cloud-config.ts";
import { quoteWord } from "./unit-file.ts";
import { withWorkload } from "./with-workload.ts";
import { fullName, type RuntimeName, runtimeNames, type Workload } from "./workload.ts";

const schema = readFileSync(new URL("cloud-init-schema.fixture.json", import.meta.url), "utf8");
const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEd7 me@here";
const web: Workload = {
  image: "web:1",
  env: ["GREETING=hello, world", "EMPTY="],
  ports: [{ address: "", port: 8080, containerPort: 80, protocol: "tcp" }],
  command: ["serve", "--root", "/srv/my files"],
  isOnMedium: true,
};

function configure(runtime: RuntimeName, workload: Workload = web, hasPackages = false): CloudConfig {
  return withWorkload(baseConfig("web", [key]), runtime, workload, hasPackages);
}

function fileOf(config: CloudConfig, path: string): string {
  return config.write_files?.find((file) => file.path === path)?.content ?? "";
}

const unitOf = (config: CloudConfig) => fileOf(config, "/etc/systemd/system/gantry-workload.service");

test("withWorkload: what docker is told, to the letter", () => {
  assert.equal(
    writeCloudConfig(configure("docker")),
    `#cloud-config
hostname: web
disable_root: false
ssh_genkeytypes:
  - ed25519
ssh_authorized_keys:
  - ${key}
write_files:
  - path: /etc/systemd/system/gantry-workload.service
    permissions: "0644"
    content: |
      [Unit]
      Description=The workload of this machine
      Wants=docker.service network-online.target
      After=docker.service network-online.target
      StartLimitIntervalSec=0

      [Service]
      Restart=always
      RestartSec=1
      TimeoutStartSec=infinity
      ExecStartPre=/bin/sh /etc/gantry/prepare-workload web:1
      ExecStart=/usr/bin/docker run --rm --name workload --publish 8080:80/tcp --env "GREETING=hello, world" --env EMPTY= web:1 serve --root "/srv/my files"
      ExecStop=/usr/bin/docker stop workload

      [Install]
      WantedBy=multi-user.target
  - path: /etc/gantry/prepare-workload
    permissions: "0755"
    content: |
      #!/bin/sh
      set -eu
      ran=/var/lib/gantry-workload-ran
      if [ -e "$ran" ]; then
        /usr/bin/docker rm --force workload >/dev/null 2>&1 || true
        if /usr/bin/docker image inspect "$1" >/dev/null 2>&1; then exit; fi
      fi
      medium=/run/gantry-image
      mkdir -p "$medium"
      mountpoint -q "$medium" || mount -o ro "LABEL=GANTRY-IMAGE" "$medium"
      /usr/bin/docker load --quiet --input "$medium/image.tar"
      umount "$medium"
      touch "$ran"
runcmd:
  - - systemctl
    - daemon-reload
  - - systemctl
    - enable
    - --now
    - --no-block
    - gantry-workload.service
`,
  );
});

test("withWorkload: every runtime gets the image, the ports, the variables and the command", () => {
  const commandLines: Readonly<Record<RuntimeName, RegExp>> = {
    gantry:
      /^ExecStart=\/usr\/bin\/gantry run .*--publish 8080:80\/tcp .*"GREETING=hello, world" .* web:1 serve /m,
    docker: /^ExecStart=\/usr\/bin\/docker run .* web:1 serve --root "\/srv\/my files"$/m,
    containerd:
      /^ExecStart=\/usr\/bin\/ctr run --rm --net-host .*"GREETING=hello, world" --env EMPTY= docker\.io\/library\/web:1 workload serve /m,
    "cri-o": /^ExecStart=\/usr\/bin\/crictl run --no-pull \/etc\/gantry\/container\.json /m,
  };
  for (const runtime of runtimeNames) assert.match(unitOf(configure(runtime)), commandLines[runtime]);
  const container = JSON.parse(fileOf(configure("cri-o"), "/etc/gantry/container.json"));
  assert.deepEqual(container.envs, [
    { key: "GREETING", value: "hello, world" },
    { key: "EMPTY", value: "" },
  ]);
  assert.deepEqual(container.args, web.command);
  assert.match(fileOf(configure("containerd"), "/etc/gantry/ports.nft"), /tcp dport 8080 redirect to :80/);
  const same = { ...web, ports: [{ address: "", port: 80, containerPort: 80, protocol: "tcp" as const }] };
  assert.equal(fileOf(configure("containerd", same), "/etc/gantry/ports.nft"), "");
});

test("withWorkload: an image from a registry is pulled, packages are installed where they are asked for", () => {
  const remote = { ...web, isOnMedium: false };
  const script = "/etc/gantry/prepare-workload";
  assert.doesNotMatch(fileOf(configure("docker", remote), script), /docker load|medium/);
  assert.match(fileOf(configure("containerd", remote), script), /ctr images pull "\$1"/);
  const config = configure("containerd", remote, true);
  assert.deepEqual(config.packages, ["qemu-guest-agent", "containerd", "nftables"]);
  assert.deepEqual(config.runcmd?.[0], ["systemctl", "start", "qemu-guest-agent.service"]);
});

test("checkUserData: what is written for every runtime is what cloud-init takes", () => {
  for (const runtime of runtimeNames)
    for (const isOnMedium of [false, true])
      for (const hasPackages of [false, true])
        checkUserData(configure(runtime, { ...web, isOnMedium }, hasPackages), schema);
  checkUserData(baseConfig("bare", []), schema);
});

test("checkUserData: names what cloud-init does not take", () => {
  const refused = (config: object, text: RegExp) =>
    assert.throws(
      () => checkUserData(config as CloudConfig, schema),
      (error) => isFault(error, "invalid") && text.test(error.message),
    );
  refused({ write_files: [{ content: "x" }] }, /write_files\.0: it missing property 'path'/);
  refused({ write_files: [{ path: "/x", mode: "0644" }] }, /additional properties 'mode' not allowed/);
  refused({ write_files: [] }, /write_files: it must have at least 1 items/);
  refused({ ssh_genkeytypes: ["rsa1"] }, /ssh_genkeytypes\.0/);
  refused({ runcmd: [{ a: 1 }] }, /runcmd\.0/);
  refused({ hostname: 7 }, /hostname: it must be a string/);
});

test("baseConfig: a name is a host name", () => {
  for (const name of ["", "-a", "a_b", "a b", "a\nb", "a".repeat(64)])
    assert.throws(
      () => baseConfig(name, []),
      (error) => isFault(error, "invalid"),
      name,
    );
});

test("fullName: as runtimes without a default registry call an image", () => {
  assert.equal(fullName("nginx"), "docker.io/library/nginx:latest");
  assert.equal(fullName("localhost:5000/a/b:1"), "localhost:5000/a/b:1");
});

/** What systemd makes of the arguments of a command line. @see systemd.syntax(7), systemd.service(5) */
function unquoted(line: string): readonly string[] {
  const words = line.match(/"(?:[^"\\]|\\.)*"|[^\s"]+/g) ?? [];
  return words.map((word) => {
    const bare = word.startsWith('"') ? word.slice(1, -1) : word;
    const bytes: number[] = [];
    for (const [token] of bare.matchAll(/\\x([\da-f]{2})|\\.|%%|\$\$|[^\\%$]/g)) {
      if (token.startsWith("\\x")) bytes.push(Number.parseInt(token.slice(2), 16));
      else bytes.push(token.charCodeAt(token.length - 1));
    }
    return Buffer.from(bytes).toString();
  });
}

const hostile = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
  fc.stringMatching(/^[\n\r\t "'\\$%;:#{}|>&!*`\-ExecStart=]{0,40}$/),
  fc.constantFrom(
    "a\n[Install]\nAlias=sshd.service",
    '"; reboot; "',
    "${HOME}",
    "%i",
    "'",
    "- a: b",
    "\u2028",
  ),
);
const printable = /^[\n\x20-\x7e]*$/;

test("quoteWord: whatever a word holds, systemd reads it back, on one line of printable ASCII", () => {
  fc.assert(
    fc.property(
      hostile.filter((text) => !text.includes("\0") && text.isWellFormed()),
      (text) => {
        const quoted = quoteWord(text);
        assert.match(quoted, /^[\x20-\x7e]+$/);
        assert.deepEqual(unquoted(quoted), [text]);
      },
    ),
  );
  assert.throws(
    () => quoteWord("a\0b"),
    (error) => isFault(error, "invalid"),
  );
});

test("writeCloudConfig: no variable or argument breaks out of its file", () => {
  const clean = hostile.filter((text) => !text.includes("\0") && text.isWellFormed());
  fc.assert(
    fc.property(fc.constantFrom(...runtimeNames), fc.array(clean, { maxLength: 4 }), (runtime, texts) => {
      const env = texts.map((text, i) => `V${i}=${text}`);
      const config = configure(runtime, { ...web, env, command: texts });
      const read = load(writeCloudConfig(config)) as CloudConfig;
      assert.deepEqual(read, config);
      for (const { content } of read.write_files ?? []) assert.match(content, printable);
      const plain = unitOf(configure(runtime)).split("\n");
      const lines = unitOf(read).split("\n");
      assert.deepEqual(
        lines.filter((line) => !line.startsWith("ExecStart=")),
        plain.filter((line) => !line.startsWith("ExecStart=")),
      );
      if (runtime === "cri-o") {
        const { envs, args = [] } = JSON.parse(fileOf(read, "/etc/gantry/container.json"));
        assert.deepEqual(
          envs.map(({ key: name, value }: { key: string; value: string }) => `${name}=${value}`),
          env,
        );
        assert.deepEqual(args, texts);
        return;
      }
      const words = unquoted(lines.find((line) => line.startsWith("ExecStart=")) ?? "");
      assert.deepEqual(words.slice(words.length - texts.length), texts);
      for (const variable of env) assert.ok(words.includes(variable));
    }),
  );
});
