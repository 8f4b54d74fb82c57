/** How a daemon deals with registries. */
export interface RegistrySettings {
  /** `HOST`, `HOST:PORT` or CIDRs: TLS without a check of the certificate, and plain HTTP where there is none. */
  readonly insecure: readonly string[];
  /** URLs of mirrors of Docker Hub, asked in this order before it. */
  readonly mirrors: readonly string[];
  /** Absolute; `<folder>/HOST:PORT/` has `*.crt` of authorities and `*.cert` with `*.key` of this host. */
  readonly certificates: string;
  /** Layers at once, of all pulls together. */
  readonly downloads: number;
  /** Layers at once, of all pushes together. */
  readonly uploads: number;
  readonly proxies: ProxySettings;
}

/** Proxies of HTTP, by the scheme of what is asked for; empty for none. */
export interface ProxySettings {
  readonly http: string;
  readonly https: string;
  /** Hosts, domains and CIDRs that are reached without one, with commas between. */
  readonly none: string;
}

export const noProxies: ProxySettings = { http: "", https: "", none: "" };

/** Of this machine: nobody else can listen. */
export const loopbackRanges: readonly string[] = ["::1/128", "127.0.0.0/8"];

/** As Docker's daemon does it by itself. */
export const usualRegistries: RegistrySettings = {
  insecure: [],
  mirrors: [],
  certificates: "/etc/docker/certs.d",
  downloads: 3,
  uploads: 5,
  proxies: noProxies,
};
