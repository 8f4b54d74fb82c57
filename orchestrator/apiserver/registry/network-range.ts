/** An IPv4 network, e.g. `10.96.0.0/16`, as numbers. */
export interface NetworkRange {
  readonly text: string;
  readonly base: number;
  readonly size: number;
}

export function parseRange(text: string): NetworkRange {
  const [address = "", bits = "32"] = text.split("/");
  return { text, base: addressNumber(address) ?? 0, size: 2 ** (32 - Number(bits)) };
}

/** Undefined for what is no IPv4 address. */
export function addressNumber(text: string): number | undefined {
  const parts = text.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255))
    return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

export function addressText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}
