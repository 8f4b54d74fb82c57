import { createHash, X509Certificate } from "node:crypto";
import { subjectOfCertificate } from "#base/distinguished-name.ts";
import type { Credentials } from "./user.ts";

/** Tells for whom an authority vouches: all others are nobody. */
export class PeerCertificates {
  readonly #authority: X509Certificate;
  readonly #frontProxyAuthority: X509Certificate;

  /** @param authorities PEM; both must be among those that TLS has verified against */
  constructor(authorities: { readonly client: string; readonly frontProxy: string }) {
    this.#authority = new X509Certificate(authorities.client);
    this.#frontProxyAuthority = new X509Certificate(authorities.frontProxy);
  }

  /**
   * What a connection's certificate says. To be called once a connection, after TLS has verified it.
   *
   * @param raw its DER
   */
  identify(raw: Uint8Array): Credentials["certificate"] {
    const certificate = new X509Certificate(raw);
    const isClient = certificate.verify(this.#authority.publicKey);
    if (!isClient && !certificate.verify(this.#frontProxyAuthority.publicKey)) return undefined;
    return {
      ...subjectOfCertificate(raw),
      fingerprint: createHash("sha256").update(raw).digest("hex"),
      ...(!isClient && { isFrontProxy: true }),
    };
  }
}
