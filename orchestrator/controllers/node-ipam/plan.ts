/** The first subnet of the range that nobody has; undefined when all are taken. */
export function freeSubnet(
  range: string,
  prefixLength: number,
  taken: ReadonlySet<string>,
): string | undefined {
  const [base = "", length = ""] = range.split("/");
  const start = base.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const count = 2 ** (prefixLength - Number(length));
  const size = 2 ** (32 - prefixLength);
  for (let at = 0; at < count; at++) {
    const address = start + at * size;
    const parts = [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256);
    const subnet = `${parts.join(".")}/${prefixLength}`;
    if (!taken.has(subnet)) return subnet;
  }
  return undefined;
}
