import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** PEM files of one party, as docker's tools look for them in a folder. */
export interface Party {
  readonly folder: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface PartyOptions {
  /** Its common name. */
  readonly name: string;
  readonly usage: "serverAuth" | "clientAuth";
  readonly hasExpired?: boolean;
}

/** A certificate authority in a folder of its own, made with openssl. */
export class Authority {
  readonly #folder: string;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#folder = folder;
    const [key, cert] = [join(folder, "ca-key.pem"), join(folder, "ca.pem")];
    openssl("req", "-x509", ...newKey, "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=authority");
  }

  /** @param folder where the files go; made when it is not there */
  issue(folder: string, { name, usage, hasExpired = false }: PartyOptions): Party {
    mkdirSync(folder, { recursive: true });
    const file = (base: string) => join(folder, base);
    const request = file("request.pem");
    openssl("req", ...newKey, "-keyout", file("key.pem"), "-out", request, "-subj", `/CN=${name}`);
    writeFileSync(file("usage"), `extendedKeyUsage=${usage}\nsubjectAltName=IP:127.0.0.1,DNS:localhost\n`);
    const authority = ["-CA", join(this.#folder, "ca.pem"), "-CAkey", join(this.#folder, "ca-key.pem")];
    const days = ["-days", hasExpired ? "-1" : "1"]; // of the end, counted from now
    const files = ["-in", request, "-out", file("cert.pem"), "-extfile", file("usage")];
    openssl("x509", "-req", ...authority, "-CAcreateserial", ...days, ...files);
    execFileSync("cp", [join(this.#folder, "ca.pem"), file("ca.pem")]);
    return { folder, ca: file("ca.pem"), cert: file("cert.pem"), key: file("key.pem") };
  }
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

function openssl(...args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}
