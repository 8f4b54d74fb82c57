import type { TlsFiles } from "./access.ts";

/** How a registry is served to others. */
export interface RegistryServerSettings {
  /** An empty host is every address of the machine. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Without it plain HTTP. */
  readonly tls?: TlsFiles;
  /** A file of names and passwords as `htpasswd -B` writes it; absolute. Whoever has one of them may do everything. */
  readonly passwords?: string;
  /** What those may do who do not say who they are. */
  readonly anonymous: "nothing" | "read" | "write";
}
