import { Fault } from "#base/fault.ts";
import { defineCommand } from "../../context.ts";
import { bool, text } from "../../flags.ts";
import { parseBytes } from "../../options/quantities.ts";
import {
  encodedFile,
  firmwareDevices,
  hardwareFlags,
  hardwareOf,
  imageOf,
  publicKeysOf,
} from "../machine-flags.ts";
import type { ImageRow } from "../formats.ts";
import { apiFlags, openHypercore } from "../open-hypercore.ts";
import { checkNameIsFree } from "../check-name.ts";
import { baseConfig, writeCloudConfig } from "../user-data/cloud-config.ts";

const usualDisk = 10 * 2 ** 30;

export const command = defineCommand({
  isOwn: true,
  asksNobody: true,
  usage: "[flags] NAME",
  about: [
    "Creates a virtual machine and prints its uuid. Its disk is blank, or shares the bytes of an image: a file is uploaded unless the",
    "library has it already, an .iso is put into a drive. A machine from a disk image gets cloud-init data that let 'gantry vm ssh'",
    "in, unless --user-data or --no-cloud-init is given.",
  ].join("\n"),
  flags: {
    ...hardwareFlags,
    image: text("FILE|NAME", "Disk image, or ISO image to install from", undefined, { complete: "file" }),
    "user-data": text("FILE", "For cloud-init, as it is", undefined, { complete: "file" }),
    "meta-data": text("FILE", "For cloud-init, as it is", undefined, { complete: "file" }),
    "no-cloud-init": bool("Nothing for cloud-init"),
    start: bool("Start it"),
    ...apiFlags,
  },
  operands: [1, 1],
  examples: [
    ["gantry vm create --image debian-12.qcow2 --start web", "from a cloud image"],
    ["gantry vm create --image installer.iso --disk 20g -m 2g desk", "to be installed by hand"],
    ["gantry vm create --image debian-12.qcow2 --user-data web.yaml web", "with cloud-init data of your own"],
  ],
  async run(context, values, [name = ""]) {
    const { instance, out, signal } = context;
    const { client } = await openHypercore(context, values);
    await checkNameIsFree(client, name, signal);
    const { firmware = "bios", image: named } = values;
    const devices = firmwareDevices(firmware);
    const hardware = hardwareOf(values);
    const hasOwnData = values["user-data"] !== undefined || values["meta-data"] !== undefined;
    if (hasOwnData && values["no-cloud-init"])
      throw new Fault("invalid", "--no-cloud-init forbids --user-data and --meta-data");
    const image = named === undefined ? undefined : (await imageOf(client, named, signal)).image;
    const isProvisioned = image?.kind === "disk" && !hasOwnData && !values["no-cloud-init"];
    const userData = isProvisioned
      ? writeCloudConfig(baseConfig(name, await publicKeysOf(values, instance.root, signal)))
      : undefined;
    const uuid = await client.createMachine(
      {
        name,
        ...hardware,
        blockDevs: [...disksOf(image, values.disk), ...devices],
        // An installed system goes before the medium that it was installed from.
        bootDevices: image?.kind === "iso" ? ["virtio-disk0", "ide-cdrom0"] : ["virtio-disk0"],
        cloudInitData: {
          userData:
            userData === undefined
              ? encodedFile(values["user-data"])
              : Buffer.from(userData).toString("base64"),
          metaData: encodedFile(values["meta-data"]),
        },
      },
      firmware,
      signal,
    );
    if (values.start) await client.act(uuid, "START", signal);
    out.write(`${uuid}\n`);
    return 0;
  },
});

function disksOf(image: ImageRow | undefined, disk: string | undefined) {
  const bytes = disk === undefined ? undefined : parseBytes(disk);
  const type = "VIRTIO_DISK" as const;
  if (image?.kind === "disk")
    return [{ type, capacity: Math.max(bytes ?? 0, image.sizeBytes), path: `scribe/${image.uuid}` }];
  const blank = { type, capacity: bytes ?? usualDisk };
  if (image === undefined) return [blank];
  return [blank, { type: "IDE_CDROM" as const, capacity: 0, path: `scribe/${image.uuid}` }];
}
