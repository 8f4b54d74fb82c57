import { sectorBytes } from "./boot-sector.ts";

/** A FAT16 file system that holds one file, in one piece. */
export interface FatVolume {
  /** All before the file's bytes. */
  readonly head: Buffer;
  /** Of the whole, with room for the file. */
  readonly sectors: number;
}

const sectorsPerCluster = 8;
const clusterBytes = sectorsPerCluster * sectorBytes;
const rootEntries = 512;
const tables = 2;
const fewestClusters = 4085; // with fewer it would count as FAT12

/**
 * @param path of the file, in upper case and 8.3
 * @param partition the first sector on the disk, `serial` the volume's number
 * @see Microsoft, FAT32 File System Specification (2000); UEFI 2.10, 13.3
 */
export function fatVolume(
  path: readonly string[],
  fileBytes: number,
  {
    partition,
    serial,
    seconds,
  }: { readonly partition: number; readonly serial: number; readonly seconds: number },
): FatVolume {
  const folders = path.length - 1;
  const fileClusters = Math.ceil(fileBytes / clusterBytes);
  const clusters = Math.max(fewestClusters, folders + fileClusters);
  const tableSectors = Math.ceil(((clusters + 2) * 2) / sectorBytes);
  const rootAt = 1 + tables * tableSectors;
  const dataAt =
    Math.ceil((rootAt + (rootEntries * 32) / sectorBytes) / sectorsPerCluster) * sectorsPerCluster;
  const reserved = dataAt - rootAt + 1 - (rootEntries * 32) / sectorBytes;
  const sectors = dataAt + clusters * sectorsPerCluster;
  const head = Buffer.alloc(dataAt * sectorBytes + folders * clusterBytes);
  writeBootSector(head, { sectors, reserved, tableSectors, partition, serial });
  const table = Buffer.alloc(tableSectors * sectorBytes);
  writeChains(table, folders, fileClusters);
  for (let copy = 0; copy < tables; copy++) table.copy(head, (reserved + copy * tableSectors) * sectorBytes);
  let place = dataAt * sectorBytes - rootEntries * 32;
  path.forEach((name, depth) => {
    const isFile = depth === folders;
    if (depth > 0) {
      writeEntry(head, place, ".", { cluster: depth + 1, seconds });
      writeEntry(head, place + 32, "..", { cluster: depth === 1 ? 0 : depth, seconds });
      place += 64;
    }
    writeEntry(head, place, name, { cluster: depth + 2, seconds, ...(isFile && { size: fileBytes }) });
    place = dataAt * sectorBytes + depth * clusterBytes;
  });
  return { head, sectors };
}

function writeBootSector(
  head: Buffer,
  fields: {
    readonly sectors: number;
    readonly reserved: number;
    readonly tableSectors: number;
    readonly partition: number;
    readonly serial: number;
  },
): void {
  head.write("\xeb\x3c\x90GANTRY  ", 0, "latin1");
  head.writeUInt16LE(sectorBytes, 11);
  head[13] = sectorsPerCluster;
  head.writeUInt16LE(fields.reserved, 14);
  head[16] = tables;
  head.writeUInt16LE(rootEntries, 17);
  head.writeUInt16LE(fields.sectors < 0x10000 ? fields.sectors : 0, 19);
  head[21] = 0xf8; // a fixed disk
  head.writeUInt16LE(fields.tableSectors, 22);
  head.writeUInt16LE(63, 24);
  head.writeUInt16LE(255, 26);
  head.writeUInt32LE(fields.partition, 28);
  head.writeUInt32LE(fields.sectors < 0x10000 ? 0 : fields.sectors, 32);
  head[36] = 0x80;
  head[38] = 0x29;
  head.writeUInt32LE(fields.serial, 39);
  head.write("NO NAME    FAT16   ", 43, "latin1");
  head.writeUInt16LE(0xaa55, 510);
}

/** A cluster for each folder, then the file's, one behind the other. */
function writeChains(table: Buffer, folders: number, fileClusters: number): void {
  table.writeUInt16LE(0xfff8, 0);
  table.writeUInt16LE(0xffff, 2);
  for (let index = 0; index < folders; index++) table.writeUInt16LE(0xffff, 4 + index * 2);
  for (let index = 0; index < fileClusters; index++) {
    const cluster = 2 + folders + index;
    table.writeUInt16LE(index === fileClusters - 1 ? 0xffff : cluster + 1, cluster * 2);
  }
}

function writeEntry(
  head: Buffer,
  place: number,
  name: string,
  { cluster, seconds, size }: { readonly cluster: number; readonly seconds: number; readonly size?: number },
): void {
  const [stem = "", ending = ""] = name.startsWith(".") ? [name] : name.split(".");
  head.write(stem.padEnd(8) + ending.padEnd(3), place, "latin1");
  head[place + 11] = size === undefined ? 0x10 : 0x20;
  const time = new Date(seconds * 1000);
  const date = ((time.getUTCFullYear() - 1980) << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate();
  const clock = (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1);
  for (const [at, value] of [
    [14, clock],
    [16, date],
    [18, date],
    [22, clock],
    [24, date],
    [26, cluster],
  ] as const)
    head.writeUInt16LE(value, place + at);
  head.writeUInt32LE(size ?? 0, place + 28);
}
