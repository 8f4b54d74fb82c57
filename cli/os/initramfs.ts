import { type CpioFile, cpioArchive } from "./cpio.ts";

/** The kernel has ext4, PCI and NVMe within; what it lacks to reach a disk is here, in the order in which one needs the other. */
export const diskModules = [
  "drivers/block/virtio_blk",
  "drivers/scsi/scsi_common",
  "drivers/scsi/scsi_mod",
  "drivers/scsi/sd_mod",
  "drivers/cdrom/cdrom",
  "drivers/scsi/sr_mod",
  "drivers/scsi/virtio_scsi",
  "drivers/ata/libata",
  "drivers/ata/ata_piix",
  "drivers/ata/libahci",
  "drivers/ata/ahci",
] as const;

/** What the medium of NoCloud may be formatted as. */
export const seedModules = [
  "fs/isofs/isofs",
  "fs/fat/fat",
  "fs/fat/vfat",
  "fs/nls/nls_cp437",
  "fs/nls/nls_ascii",
] as const;

function names(modules: readonly string[]): string {
  return modules.map((name) => name.slice(name.lastIndexOf("/") + 1)).join(" ");
}

/**
 * Loads the modules, grows the partition of the root file system over what the disk has behind it, mounts it and hands over. The
 * length of partition 2 is four bytes of the first sector. What cloud-init looks for on a medium is copied to where it looks first:
 * it would start blkid five times. An ISO 9660 file system has its label at byte 32,808.
 */
function initScript(label: string): string {
  return `#!/busybox sh
b=/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
for m in ${names(diskModules)}; do
  $b insmod /modules/$m.ko 2>/dev/null
done
n=0
until root=$($b findfs LABEL=${label}) 2>/dev/null; do
  n=$((n + 1))
  [ $n -gt 300 ] && { echo "no file system is called ${label}" >/dev/console; $b sh </dev/console >/dev/console 2>&1; }
  $b usleep 100000
done
part=/sys/class/block/\${root#/dev/}
disk=$($b readlink -f $part/..)
start=$($b cat $part/start)
want=$(($($b cat $disk/size) - start))
[ $want -gt 4294967295 ] && want=4294967295
if [ "$($b cat $part/partition)" = 2 ] && [ $want -gt $(($($b cat $part/size) + 2048)) ]; then
  dev=/dev/\${disk##*/}
  o=$($b printf '\\\\%03o\\\\%03o\\\\%03o\\\\%03o' $((want & 255)) $((want >> 8 & 255)) $((want >> 16 & 255)) $((want >> 24 & 255)))
  $b printf "$o" | $b dd of=$dev bs=1 seek=474 conv=notrunc 2>/dev/null
  $b blockdev --rereadpt $dev
  until [ -b $root ]; do $b usleep 10000; done
fi
$b mount -o rw,noatime $root /root
$b mount -t tmpfs -o mode=755,nosuid,nodev run /root/run
seed=
for d in /sys/class/block/*; do
  d=/dev/\${d##*/}
  case $($b dd if=$d bs=1 skip=32808 count=7 2>/dev/null) in "cidata " | "CIDATA ") seed=$d ;; esac
done
[ "$seed" ] || seed=$($b findfs LABEL=cidata 2>/dev/null || $b findfs LABEL=CIDATA 2>/dev/null)
if [ "$seed" ]; then
  for m in ${names(seedModules)}; do $b insmod /modules/$m.ko 2>/dev/null; done
  $b mkdir -m 700 -p /root/run/cloud-seed
  $b mount -o ro $seed /seed 2>/dev/null && {
    for f in user-data meta-data vendor-data network-config; do
      [ -e /seed/$f ] && $b cp /seed/$f /root/run/cloud-seed/$f
    done
    $b umount /seed
  }
fi
$b mount -o move /dev /root/dev
$b mount -o move /proc /root/proc
$b mount -o move /sys /root/sys
exec $b switch_root /root /sbin/init
`;
}

/** @param modules name without its ending → its bytes, not compressed */
export function initramfs(
  label: string,
  busybox: Uint8Array,
  modules: ReadonlyMap<string, Uint8Array>,
): Buffer {
  const program = (path: string, bytes: Uint8Array): CpioFile => ({ path, type: "file", mode: 0o755, bytes });
  const folder = (path: string): CpioFile => ({ path, type: "directory" });
  return cpioArchive([
    ...["dev", "modules", "proc", "root", "seed", "sys"].map(folder),
    { path: "dev/console", type: "character", major: 5, minor: 1 },
    program("busybox", busybox),
    program("init", Buffer.from(initScript(label))),
    ...[...modules].map(
      ([name, bytes]): CpioFile => ({ path: `modules/${name}.ko`, type: "file", mode: 0o644, bytes }),
    ),
  ]);
}
