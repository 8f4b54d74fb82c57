/** Writes `ready` and a line feed to the first serial port, then back what comes from there, for ever. 16 bit, at 7C00h. */
const program = `
  31 c0 8e d8 be 22 7c                xor ax, ax; mov ds, ax; mov si, text
  ba f8 03 ac 84 c0 74 03 ee eb f8    mov dx, 3F8h; next: lodsb; test al, al; jz echo; out dx, al; jmp next
  ba fd 03 ec a8 01 74 fb             echo: mov dx, 3FDh; wait: in al, dx; test al, 1; jz wait
  ba f8 03 ec ee eb f1 90             mov dx, 3F8h; in al, dx; out dx, al; jmp echo; nop
`;

/** A raw disk of 1 MiB that boots into a program which echoes its serial port. */
export function echoDisk(): Buffer {
  const disk = Buffer.alloc(1 << 20);
  const code = Buffer.from(program.replaceAll(/ {4}.*|\s/g, ""), "hex");
  code.copy(disk);
  disk.write("ready\n\0", code.length);
  disk.set([0x55, 0xaa], 510);
  return disk;
}
