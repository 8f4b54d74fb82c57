import { Fault } from "#base/fault.ts";

/** One file that UEFI starts: a stub with the kernel and all that it needs as sections. */
export interface UnifiedKernel {
  readonly bytes: Buffer;
  /** Where the bytes of a section begin in the file; a multiple of 512. */
  readonly at: Readonly<Record<string, number>>;
}

const sectionBytes = 40;
const readableData = 0x40000040;

/**
 * Puts sections behind those of systemd's stub, as `ukify` does.
 *
 * @throws {Fault} `invalid` for a stub without room for more sections
 * @see UAPI.5 Unified Kernel Image; Microsoft PE Format
 */
export function unifiedKernel(
  stub: Buffer,
  sections: readonly (readonly [name: string, bytes: Buffer])[],
): UnifiedKernel {
  const coff = stub.readUInt32LE(0x3c) + 4;
  const optional = coff + 20;
  if (stub.toString("latin1", coff - 4, coff) !== "PE\0\0" || stub.readUInt16LE(optional) !== 0x20b)
    throw new Fault("invalid", "the stub is no program for UEFI on x86-64");
  const count = stub.readUInt16LE(coff + 2);
  const table = optional + stub.readUInt16LE(coff + 16);
  const alignment = stub.readUInt32LE(optional + 32);
  const free = table + count * sectionBytes;
  if (free + sections.length * sectionBytes > stub.readUInt32LE(optional + 60))
    throw new Fault("invalid", "the stub has no room for more sections");
  const header = Buffer.from(stub);
  const parts: Buffer[] = [header, padding(header.length, 512)];
  const at: Record<string, number> = {};
  let position = roundUp(header.length, 512);
  let address = endOfSections(stub, table, count, alignment);
  sections.forEach(([name, bytes], index) => {
    const place = free + index * sectionBytes;
    header.write(name, place, "latin1");
    header.writeUInt32LE(bytes.length, place + 8);
    header.writeUInt32LE(address, place + 12);
    header.writeUInt32LE(roundUp(bytes.length, 512), place + 16);
    header.writeUInt32LE(position, place + 20);
    header.writeUInt32LE(readableData, place + 36);
    parts.push(bytes, padding(bytes.length, 512));
    at[name] = position;
    position += roundUp(bytes.length, 512);
    address += roundUp(bytes.length, alignment);
  });
  header.writeUInt16LE(count + sections.length, coff + 2);
  header.writeUInt32LE(address, optional + 56);
  header.writeUInt32LE(0, optional + 64); // a checksum that nobody checks
  return { bytes: Buffer.concat(parts), at };
}

function endOfSections(stub: Buffer, table: number, count: number, alignment: number): number {
  let end = 0;
  for (let index = 0; index < count; index++) {
    const place = table + index * sectionBytes;
    end = Math.max(end, stub.readUInt32LE(place + 8) + stub.readUInt32LE(place + 12));
  }
  return roundUp(end, alignment);
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

function padding(length: number, to: number): Buffer {
  return Buffer.alloc(roundUp(length, to) - length);
}
