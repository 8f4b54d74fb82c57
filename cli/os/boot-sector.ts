/** boot-sector.S, assembled, without its table. */
const code = Buffer.from(
  [
    "6gV8AAD6McCO2I7QvAB8+/yIFu58uAEkzRW7fH1mi0cEZoXAD4SCAGaLD2aJDvh8Zot/CGaLRwRmhcB0OGaD+H92Bma4fwAAAKPy",
    "fGYpRwRmV77wfLRCihbufM0TZl9yX2YPtw7yfGYBDvh8ZsHhB+gHAOu/g8MM66P6HgYPARYQfQ8gwAwBDyLAuggAjtqOwiT+DyLA",
    "MdKO2o7CZr4AAAIAZ2bzpQcf+8P6uAAQjtiOwI7gjuiO0LwA4OoAACAQvtR8rITAdAm0DrsHAM0Q6/L06/1UaGUgZGlzayBjYW5u",
    "b3QgYmUgcmVhZA0KAACQEAAAAAAAACAAAAAAAAAAAAAAAAAAAAAA//8AAACSzwAPAAB9AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAA=",
  ].join(""),
  "base64",
);

/** What the boot sector loads before it jumps into Linux. */
export interface Load {
  readonly firstSector: number;
  readonly sectors: number;
  /** Physical, below 4 GiB. */
  readonly address: number;
}

/** Sectors are of this many bytes. */
export const sectorBytes = 512;

/** The code of a master boot record: 440 bytes, before its signature and its partitions. */
export function bootSector(loads: readonly Load[]): Buffer {
  if (loads.length > 4) throw new Error("the boot sector's table has four places");
  const sector = Buffer.alloc(440);
  code.copy(sector);
  loads.forEach(({ firstSector, sectors, address }, at) => {
    const place = code.length + 12 * at;
    sector.writeUInt32LE(firstSector, place);
    sector.writeUInt32LE(sectors, place + 4);
    sector.writeUInt32LE(address, place + 8);
  });
  return sector;
}
