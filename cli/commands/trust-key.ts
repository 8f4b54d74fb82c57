import { createPublicKey } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { Fault } from "#base/fault.ts";
import {
  generateKey,
  isSealed,
  type KeyKind,
  keyKinds,
  openPrivateKey,
  sealPrivateKey,
} from "#engine/trust/key-file.ts";
import { fingerprintOf } from "#engine/trust/public-key.ts";
import type { Signer } from "#engine/trust/sign.ts";
import { type Context, defineCommand } from "../context.ts";
import { text } from "../flags.ts";
import { isTerminalDevice } from "../output/terminal.ts";
import { readSecret } from "../streams/read-secret.ts";

/** Where a passphrase is taken from when it is not asked for. */
const variable = "GANTRY_TRUST_PASSPHRASE";

export const passphraseFile = text(
  "FILE",
  `Holds the passphrase (default $${variable}, or it is asked for)`,
  undefined,
  {
    complete: "file",
  },
);

export const generate = defineCommand({
  isOwn: true,
  usage: "[OPTIONS]",
  about: [
    "Makes a pair of keys: NAME.key to sign with, under a passphrase, and NAME.pub for policies.",
    "An empty passphrase leaves NAME.key unencrypted.",
  ].join("\n"),
  flags: {
    output: text("NAME", "Name of the files (default gantry)", "o"),
    type: text("KIND", `Kind of key: ${keyKinds.join(", ")} (default ecdsa-p256)`, undefined, {
      complete: keyKinds,
    }),
    "passphrase-file": passphraseFile,
  },
  operands: [0, 0],
  examples: [["gantry trust key generate -o acme", "acme.key and acme.pub"]],
  async run(context, values) {
    const name = values.output ?? "gantry";
    const kind = keyKinds.find((known) => known === (values.type ?? "ecdsa-p256"));
    if (kind === undefined) throw new Fault("invalid", `unknown kind of key: ${values.type}`);
    for (const file of [`${name}.key`, `${name}.pub`])
      if (existsSync(file)) throw new Fault("already-exists", `${file} exists already`);
    await writeKeys(context, name, kind, values["passphrase-file"]);
    return 0;
  },
});

async function writeKeys(
  context: Context,
  name: string,
  kind: KeyKind,
  file: string | undefined,
): Promise<void> {
  const passphrase = await readPassphrase(context, file);
  const { privateKey, publicKey } = generateKey(kind);
  writeFileSync(`${name}.key`, sealPrivateKey(privateKey, passphrase), { mode: 0o600, flag: "wx" });
  const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
  writeFileSync(`${name}.pub`, pem, { mode: 0o644, flag: "wx" });
  context.out.write(`${name}.key\n${name}.pub sha256:${fingerprintOf(publicKey)}\n`);
}

/** A private key from its file, with its public half. @throws {Fault} `invalid`, `not-found` */
export async function readSigner(
  context: Context,
  file: string,
  passphraseFrom: string | undefined,
): Promise<Signer> {
  if (!existsSync(file)) throw new Fault("not-found", `open ${file}: no such file or directory`);
  const pem = readFileSync(file, "utf8");
  const passphrase = isSealed(pem) ? await readPassphrase(context, passphraseFrom) : "";
  const privateKey = openPrivateKey(pem, passphrase);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

async function readPassphrase({ env, err }: Context, file: string | undefined): Promise<string> {
  if (file !== undefined) return readFileSync(file, "utf8").replace(/\r?\n$/, "");
  const given = env[variable];
  if (given !== undefined) return given;
  if (!isTerminalDevice(0))
    throw new Fault("invalid", `a passphrase is needed: set ${variable} or use --passphrase-file`);
  return await readSecret(err);
}
