import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { checkout } from "../support/engine.ts";

// The completion scripts in the shells that they are for, each on a terminal of its own, which zsh's zpty module makes.

let folder: string;
let engine: Server;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "gantry-complete-"));
  writeFileSync(join(folder, "archive.tar"), "");
  engine = createServer((request, response) => {
    const images = [{ Id: `sha256:${"0".repeat(64)}`, RepoTags: ["team/app:1.2"], RepoDigests: [] }];
    response.end(request.url?.includes("/images/json") ? JSON.stringify(images) : "[]");
  });
  engine.listen(join(folder, "docker.sock"));
  await once(engine, "listening");
});
after(() => {
  engine.close();
  engine.closeAllConnections();
  rmSync(folder, { recursive: true });
});

const has = (shell: string) => spawnSync(shell, ["--version"]).status === 0;
const lacksZsh = has("zsh") ? false : "zsh is not installed";

/** What is typed, up to and with the Tab, and what the terminal must show then (a pattern of zsh). */
type Step = readonly [typed: string, shown: string];

/**
 * Starts a shell on a terminal, types, and waits after each step for what must be shown; resolves to all that was shown.
 *
 * @param begin the command that starts the shell, and a line typed into it that prints READY in the end
 */
async function typeInto(begin: readonly [string, string], steps: readonly Step[]): Promise<string> {
  const quoted = (text: string) =>
    `$'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("\t", "\\t").replaceAll("\u0015", "\\C-u")}'`;
  const lines = [
    "zmodload zsh/zpty",
    `zpty shell ${quoted(begin[0])}`,
    `zpty -w shell ${quoted(begin[1])}`,
    "zpty -r shell shown $'*\\nREADY*'",
    ...steps.flatMap(([typed, shown]) => [
      `zpty -w -n shell ${quoted(typed)}`,
      `zpty -r shell shown ${quoted(shown)}`,
      'print -r -- "$shown"',
    ]),
    "zpty -d shell",
  ];
  const env = {
    ...process.env,
    PATH: `${join(checkout, "bin")}:${process.env["PATH"]}`,
    DOCKER_HOST: `unix://${join(folder, "docker.sock")}`,
    HOME: folder,
    TERM: "dumb",
  };
  const child = spawn("zsh", ["-f", "-c", lines.join("\n")], {
    env,
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 45_000,
  });
  let out = "";
  child.stdout.on("data", (bytes: Buffer) => {
    out += bytes.toString();
  });
  const [code] = await once(child, "exit");
  assert.equal(code, 0, out);
  return out;
}

/** Begins the line anew. */
const clear = "\u0015";

const zsh = [
  "PS1='> ' zsh -f -i",
  "stty cols 120 rows 40; unsetopt AUTO_MENU; autoload -Uz compinit; compinit -u -D; source <(gantry completion zsh); print READY",
] as const;

test("zsh: commands, flags, values, names with colons, and files", {
  skip: lacksZsh,
  timeout: 60_000,
}, async () => {
  const shown = await typeInto(zsh, [
    ["gantry netw\t", "*network *"],
    ["c\t", "*connect*Connect a container*create*Create a network*"],
    [`${clear}gantry run --pull=n\t`, "*--pull=never *"],
    [`${clear}gantry build --progress r\t`, "*rawjson *"],
    [`${clear}gantry rmi tea\t`, "*team/app:1.2 *"],
    [`${clear}gantry load -i arch\t`, "*archive.tar *"],
    [`${clear}gantry buildx ba\t`, "*bake *"],
  ]);
  assert.match(shown, /gantry network/);
});

const lacksFish = lacksZsh || (has("fish") ? false : "fish is not installed");

test("fish: commands, flags, values, names with colons, and files", {
  skip: lacksFish,
  timeout: 60_000,
}, async () => {
  const fish = ["fish -N -i", "stty cols 120 rows 40; gantry completion fish | source; echo READY"] as const;
  const shown = await typeInto(fish, [
    ["gantry netw\t", "*network *"],
    ["con\t", "*connect *"],
    [`${clear}gantry run --pull=n\t`, "*--pull=never *"],
    [`${clear}gantry build --progress r\t`, "*rawjson *"],
    [`${clear}gantry rmi tea\t`, "*team/app:1.2 *"],
    [`${clear}gantry load -i arch\t`, "*archive.tar *"],
  ]);
  assert.match(shown, /network/);
});

test("fish: candidates come with what they mean", { skip: lacksFish }, () => {
  const script = "gantry completion fish | source; complete -C 'gantry network c'";
  const env = { ...process.env, PATH: `${join(checkout, "bin")}:${process.env["PATH"]}`, HOME: folder };
  const { stdout } = spawnSync("fish", ["-N", "-c", script], { encoding: "utf8", env });
  assert.equal(stdout, "connect\tConnect a container to a network\ncreate\tCreate a network\n");
});
