import { contains, lastOf, sizeOf, type Subnet } from "#base/cidr.ts";

/**
 * The addresses of one subnet. Hands them out in ascending order and comes back to a released one only after all the others
 * had their turn, so that a late packet for a dead container does not reach its successor. Never hands out the network's own
 * address, the broadcast address or a reserved one. Memory grows with the addresses in use, not with the subnet.
 */
export class AddressPool {
  readonly subnet: Subnet;
  readonly #range: Subnet;
  readonly #taken: Set<number>;
  #next: number;

  /** `range` is the part of the subnet to hand out from; reserved addresses, e.g. the gateway, may lie anywhere. */
  constructor(subnet: Subnet, reserved: readonly number[], range: Subnet = subnet) {
    this.subnet = subnet;
    this.#range = range;
    this.#taken = new Set(reserved);
    // A /31 or /32 has neither (RFC 3021).
    if (subnet.prefix < 31) this.#taken.add(subnet.base).add(lastOf(subnet));
    this.#next = range.base;
  }

  /** The next free address, or undefined when every one is taken. */
  allocate(): number | undefined {
    const size = sizeOf(this.#range);
    for (let tried = 0; tried < size && tried <= this.#taken.size; tried++) {
      const address = this.#advance();
      if (this.#taken.has(address)) continue;
      this.#taken.add(address);
      return address;
    }
    return undefined;
  }

  /** Takes this very address. False when it is taken, reserved or outside the subnet. */
  claim(address: number): boolean {
    if (!contains(this.subnet, address) || this.#taken.has(address)) return false;
    this.#taken.add(address);
    return true;
  }

  /** As {@link claim}, and the next one handed out comes after it: for what outlived a restart. */
  adopt(address: number): boolean {
    const isClaimed = this.claim(address);
    if (isClaimed && contains(this.#range, address) && address >= this.#next) this.#next = address + 1;
    return isClaimed;
  }

  release(address: number): void {
    this.#taken.delete(address);
  }

  #advance(): number {
    const address = contains(this.#range, this.#next) ? this.#next : this.#range.base;
    this.#next = address + 1;
    return address;
  }
}
