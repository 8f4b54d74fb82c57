import type { ListenAddress } from "./listen-address.ts";

/** Who may reach a daemon, and by what. */
export interface Access {
  /** Beside the daemon's own socket, which it always serves. */
  readonly listen: readonly ListenAddress[];
  readonly tcp: TcpSecurity;
  /** Names of plugins that must all allow a request, in this order. */
  readonly authorizationPlugins: readonly string[];
}

/** Whoever may send a daemon requests is root on its machine, so nothing is served by TCP unless one of these was asked for. */
export type TcpSecurity =
  | { readonly kind: "refused" }
  | { readonly kind: "plain" }
  | { readonly kind: "tls"; readonly files: TlsFiles };

/** PEM files, by absolute paths. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  /** Clients must show a certificate that one of these signed; without it anyone is let in. */
  readonly clientAuthorities?: string;
}

/** The daemon's own socket, and nothing else. */
export const localAccess: Access = { listen: [], tcp: { kind: "refused" }, authorizationPlugins: [] };
