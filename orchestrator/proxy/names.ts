/** What the cluster's network of an instance is called in the kernel. */
export interface ServiceNames {
  /** The nftables table. */
  readonly table: string;
  /** The interface that has the addresses of services that the node itself serves; at most 15 bytes. */
  readonly link: string;
}

/** @param instance see `#base/instance-name.ts` */
export function serviceNames(instance: string): ServiceNames {
  return {
    table: `${instance.replaceAll("-", "_")}_services`,
    link: `${instance.replace("gantry", "gsvc")}`,
  };
}
