import { readFileSync } from "node:fs";
import { Fault } from "#base/fault.ts";
import { eraseAuth, hubServer, readAuth, storeAuth } from "../config/registry-auth.ts";
import { defineCommand } from "../context.ts";
import { bool, text } from "../flags.ts";
import { isTerminalDevice } from "../output/terminal.ts";
import { readLine } from "../streams/ask.ts";
import { readSecret } from "../streams/read-secret.ts";

export const login = defineCommand({
  usage: "[OPTIONS] [SERVER]",
  about: "Logs in to a registry, Docker Hub when none is named, and keeps the credentials.",
  flags: {
    password: text("string", "Password or token", "p"),
    "password-stdin": bool("Read the password from standard input"),
    username: text("string", "User name", "u"),
  },
  operands: [0, 1],
  examples: [
    [
      "gantry login -u me --password-stdin registry.local:5000 <secret",
      "without a trace in the shell's history",
    ],
  ],
  async run(context, values, [server]) {
    const { out, err, signal } = context;
    const address = server === undefined || server === "docker.io" ? hubServer : server;
    if (values.password !== undefined) {
      err.write("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
      if (values["password-stdin"])
        throw new Fault("invalid", "--password and --password-stdin are mutually exclusive");
    }
    if (values["password-stdin"] && (values.username ?? "") === "")
      throw new Fault("invalid", "the --password-stdin option requires --username to be set");
    const known = await readAuth(context.config(), address);
    const secret = values["password-stdin"]
      ? readFileSync(0, "utf8").replace(/[\r\n]+$/, "")
      : values.password;
    const isComplete = (values.username ?? "") !== "" && secret !== undefined;
    if (!isComplete && !isTerminalDevice(0))
      throw new Fault("invalid", "Error: Cannot perform an interactive login from a non TTY device");
    const username = values.username ?? askFor(context.out, "Username: ", known.username);
    const password = secret ?? (await readSecret(out));
    if (password === "") throw new Fault("invalid", "password is required");
    const { Status, IdentityToken } = await context
      .engine()
      .checkAuth({ username, password, serveraddress: address }, signal);
    const auth = { username, password, serveraddress: address };
    const helper = await storeAuth(
      context.config(),
      address,
      IdentityToken ? { ...auth, identitytoken: IdentityToken } : auth,
    );
    if (helper === undefined)
      err.write(
        `\nWARNING! Your credentials are stored unencrypted in '${context.config().folder}/config.json'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n\n`,
      );
    out.write(`${Status}\n`);
    return 0;
  },
});

function askFor(out: { write(text: string): void }, question: string, usual: string | undefined): string {
  out.write(usual === undefined ? question : question.replace(": ", ` (${usual}): `));
  const answer = (readLine() ?? "").trim();
  if (answer === "" && usual === undefined) throw new Fault("invalid", "username is required");
  return answer === "" ? (usual ?? "") : answer;
}

export const logout = defineCommand({
  usage: "[SERVER]",
  about: "Forgets the credentials for a registry, Docker Hub when none is named.",
  flags: {},
  operands: [0, 1],
  examples: [["gantry logout registry.local:5000", "gone from the configuration"]],
  async run(context, _values, [server]) {
    const address = server === undefined || server === "docker.io" ? hubServer : server;
    context.out.write(`Removing login credentials for ${address}\n`);
    await eraseAuth(context.config(), address);
    return 0;
  },
});
