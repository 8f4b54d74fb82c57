/** IPv6 of the default bridge, where it is on. */
export interface BridgeIPv6 {
  /** Whose addresses containers get; absent: one of the machine's own. */
  readonly fixedCidr?: string;
}
