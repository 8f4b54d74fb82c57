import type { EndpointSettings } from "#api/docker/container.ts";
import type { NetworkCreateBody } from "#api/docker/shapes.ts";

/** A network as the API shows it. @see Docker Engine API v1.51, definition Network */
export interface NetworkView {
  readonly Name: string;
  readonly Id: string;
  readonly Created: string;
  readonly Scope: string;
  readonly Driver: string;
  readonly EnableIPv4: boolean;
  readonly EnableIPv6: boolean;
  readonly IPAM: object;
  readonly Internal: boolean;
  readonly Attachable: boolean;
  readonly Ingress: boolean;
  readonly ConfigFrom: { readonly Network: string };
  readonly ConfigOnly: boolean;
  /** Endpoints by container ID. */
  readonly Containers: Readonly<Record<string, object>>;
  readonly Options: Readonly<Record<string, string>>;
  readonly Labels: Readonly<Record<string, string>>;
}

/** Networks as their users manage them. `ref` is a name, an ID, or a unique prefix of one. */
export interface NetworkAdmin {
  list(): readonly NetworkView[];
  /** @throws {Fault} `not-found` "network X not found" */
  get(ref: string): NetworkView;
  /** @throws {Fault} `conflict` "network with name X already exists"; `invalid`; `forbidden` for predefined names */
  create(body: NetworkCreateBody): Promise<{ readonly id: string; readonly warning: string }>;
  /** @throws {Fault} `not-found`; `forbidden` for predefined networks; `conflict` while it has endpoints */
  remove(ref: string): Promise<void>;
  /** @throws {Fault} `not-found`; `forbidden`; `not-implemented` */
  connect(ref: string, containerId: string, settings: Partial<EndpointSettings>): Promise<void>;
  disconnect(ref: string, containerId: string, options: { readonly force: boolean }): Promise<void>;
}
