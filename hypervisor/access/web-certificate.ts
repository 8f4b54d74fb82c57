import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TlsOptions } from "node:tls";
import { Fault, messageOf } from "#base/fault.ts";
import { covers, issueCertificate } from "#host/x509/certificate.ts";

/** A certificate, with what stands above it, and its key. PEM. */
export interface WebCertificate {
  readonly certificate: string;
  readonly privateKey: string;
}

const [authorityDays, serverDays, renewDays] = [3650, 397, 30];
const dayMs = 86_400_000;

/**
 * The certificate of the API: the one that somebody has set, or one of an authority of our own, made on the first start and
 * again before it ends or when this machine's names change. Users trust the authority: `ca.crt` in the folder.
 */
export class WebCertificates {
  readonly #folder: string;
  readonly #now: () => Date;
  readonly #names: readonly string[];

  constructor(deps: {
    readonly folder: string;
    readonly now: () => Date;
    readonly names: readonly string[];
  }) {
    this.#folder = deps.folder;
    this.#now = deps.now;
    this.#names = deps.names;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** What to serve with now. */
  current(): WebCertificate {
    const given = this.#read("given");
    if (given !== undefined) return given;
    const own = this.#read("server");
    return own !== undefined && this.#isGood(own) ? own : this.#issue();
  }

  /** Serves with that one from now on. @throws {Fault} `invalid` when key and certificate are none, or not each other's */
  set(given: WebCertificate): void {
    try {
      const certificate = new X509Certificate(given.certificate);
      const key = createPrivateKey(given.privateKey);
      if (!certificate.checkPrivateKey(key)) throw new Error("the key is another certificate's");
      process
        .getBuiltinModule("node:tls")
        .createSecureContext({ cert: given.certificate, key: given.privateKey });
    } catch (error) {
      throw new Fault("invalid", `Invalid certificate: ${messageOf(error)}`, { cause: error });
    }
    this.#write("given", given);
  }

  #isGood({ certificate }: WebCertificate): boolean {
    try {
      const parsed = new X509Certificate(certificate);
      const endsMs = Date.parse(parsed.validTo);
      return endsMs - this.#now().getTime() > renewDays * dayMs && covers(parsed, this.#names);
    } catch {
      return false;
    }
  }

  #issue(): WebCertificate {
    const authority = this.#read("ca") ?? this.#newAuthority();
    const issuer = {
      certificate: new X509Certificate(authority.certificate),
      key: createPrivateKey(authority.privateKey),
    };
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const certificate = issueCertificate(
      {
        subject: { commonName: this.#names[0] ?? "gantry", organizations: ["Gantry"] },
        publicKey,
        usages: ["digital signature", "server auth"],
        names: this.#names,
        ...this.#period(serverDays),
      },
      issuer,
    );
    const made = { certificate: `${certificate}${authority.certificate}`, privateKey: pemOf(privateKey) };
    this.#write("server", made);
    return made;
  }

  #newAuthority(): WebCertificate {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const certificate = issueCertificate(
      {
        subject: { commonName: "Gantry hypervisor CA", organizations: ["Gantry"] },
        publicKey,
        usages: ["cert sign", "crl sign"],
        isAuthority: true,
        ...this.#period(authorityDays),
      },
      privateKey,
    );
    const made = { certificate, privateKey: pemOf(privateKey) };
    this.#write("ca", made);
    return made;
  }

  #period(days: number): { readonly notBefore: Date; readonly notAfter: Date } {
    const now = this.#now().getTime();
    return { notBefore: new Date(now - dayMs), notAfter: new Date(now + days * dayMs) };
  }

  #read(name: string): WebCertificate | undefined {
    const [certificate, key] = [join(this.#folder, `${name}.crt`), join(this.#folder, `${name}.key`)];
    if (!existsSync(certificate) || !existsSync(key)) return undefined;
    const found = { certificate: readFileSync(certificate, "utf8"), privateKey: readFileSync(key, "utf8") };
    try {
      // Killed between two files, they are not each other's.
      return new X509Certificate(found.certificate).checkPrivateKey(createPrivateKey(found.privateKey))
        ? found
        : undefined;
    } catch {
      return undefined;
    }
  }

  #write(name: string, { certificate, privateKey }: WebCertificate): void {
    for (const [extension, text, mode] of [
      ["key", privateKey, 0o600],
      ["crt", certificate, 0o644],
    ] as const) {
      const path = join(this.#folder, `${name}.${extension}`);
      writeFileSync(`${path}.new`, text, { mode, flush: true });
      renameSync(`${path}.new`, path);
    }
  }
}

export function tlsOf({ certificate, privateKey }: WebCertificate): TlsOptions {
  return { cert: certificate, key: privateKey, minVersion: "TLSv1.2", ALPNProtocols: ["http/1.1"] };
}

function pemOf(key: { export(options: { type: "pkcs8"; format: "pem" }): string | Buffer }): string {
  return String(key.export({ type: "pkcs8", format: "pem" }));
}
