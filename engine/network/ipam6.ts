import { contains6, type Subnet6 } from "#base/cidr6.ts";

/**
 * The IPv6 addresses of one subnet, handed out as {@link AddressPool} does: in ascending order, a released one not before the
 * others had their turn. Never hands out the subnet's first address, which is all its routers' (RFC 4291 section 2.6.1).
 */
export class AddressPool6 {
  readonly subnet: Subnet6;
  readonly #range: Subnet6;
  readonly #taken: Set<bigint>;
  #next: bigint;

  /** `range` is the part of the subnet to hand out from. */
  constructor(subnet: Subnet6, reserved: readonly bigint[], range: Subnet6 = subnet) {
    this.subnet = subnet;
    this.#range = range;
    this.#taken = new Set([...reserved, ...(subnet.prefix < 127 ? [subnet.base] : [])]);
    this.#next = range.base;
  }

  /** The next free address, or undefined when every one is taken. */
  allocate(): bigint | undefined {
    for (let tried = 0; tried <= this.#taken.size; tried++) {
      const address = contains6(this.#range, this.#next) ? this.#next : this.#range.base;
      this.#next = address + 1n;
      if (this.#taken.has(address)) continue;
      this.#taken.add(address);
      return address;
    }
    return undefined;
  }

  /** Takes this very address. False when it is taken, reserved or outside the subnet. */
  claim(address: bigint): boolean {
    if (!contains6(this.subnet, address) || this.#taken.has(address)) return false;
    this.#taken.add(address);
    return true;
  }

  /** As {@link claim}, and the next one handed out comes after it: for what outlived a restart. */
  adopt(address: bigint): boolean {
    const isClaimed = this.claim(address);
    if (isClaimed && contains6(this.#range, address) && address >= this.#next) this.#next = address + 1n;
    return isClaimed;
  }

  release(address: bigint): void {
    this.#taken.delete(address);
  }
}
