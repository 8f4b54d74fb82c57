/** A primary partition. */
export interface Partition {
  readonly firstSector: number;
  readonly sectors: number;
  readonly type: number;
}

export const partitionTypes = { linux: 0x83, efi: 0xef } as const;

/** The first sector of a disk: code, signature, partitions. */
export function masterBootRecord(code: Buffer, signature: number, partitions: readonly Partition[]): Buffer {
  const sector = Buffer.alloc(512);
  code.copy(sector, 0, 0, 440);
  sector.writeUInt32LE(signature, 440);
  partitions.forEach(({ firstSector, sectors, type }, at) => {
    const place = 446 + 16 * at;
    sector[place] = at === 0 ? 0x80 : 0; // some BIOSes start only from a disk with an active partition
    sector.fill(0xff, place + 1, place + 8); // no cylinders
    sector[place + 4] = type;
    sector.writeUInt32LE(firstSector, place + 8);
    sector.writeUInt32LE(sectors, place + 12);
  });
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}
