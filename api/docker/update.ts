import type { HostConfig, RestartPolicy } from "./container.ts";
import { normalizeHostConfig } from "./normalize.ts";
import type { UpdateBody } from "./shapes.ts";
import { validateRestart } from "./validate-create.ts";

/**
 * What an update asks for, with zero, empty or null for what it leaves alone. Fields that cannot be changed are left out, as
 * Docker ignores them.
 *
 * @param version minor API version: limits of single devices can be changed from 1.55 on
 * @throws {Fault} `invalid` with Docker's texts
 * @see Docker Engine API v1.51, POST /containers/{id}/update
 */
export function normalizeUpdate(
  body: UpdateBody,
  version: number,
): { readonly hostConfig: HostConfig; readonly restartPolicy?: RestartPolicy } {
  const { Name = "", MaximumRetryCount = 0 } = body.RestartPolicy ?? {};
  const policy = { Name, MaximumRetryCount };
  if (Name !== "") validateRestart({ RestartPolicy: policy, AutoRemove: false });
  const {
    BlkioWeightDevice,
    BlkioDeviceReadBps,
    BlkioDeviceWriteBps,
    BlkioDeviceReadIOps,
    BlkioDeviceWriteIOps,
    MemorySwap,
    PidsLimit,
    ...limits
  } = body;
  const devices = {
    BlkioWeightDevice: BlkioWeightDevice ?? null,
    BlkioDeviceReadBps: BlkioDeviceReadBps ?? null,
    BlkioDeviceWriteBps: BlkioDeviceWriteBps ?? null,
    BlkioDeviceReadIOps: BlkioDeviceReadIOps ?? null,
    BlkioDeviceWriteIOps: BlkioDeviceWriteIOps ?? null,
  };
  const asked = normalizeHostConfig(limits, version, { cgroupnsMode: "private", runtime: "" });
  return {
    hostConfig: {
      ...asked,
      ...(version >= 55 && devices),
      // Not twice the memory, as with create; and no limit is something that can be asked for.
      MemorySwap: MemorySwap ?? 0,
      PidsLimit: PidsLimit === null || PidsLimit === undefined ? null : Math.max(0, PidsLimit),
    },
    ...(Name !== "" && { restartPolicy: policy }),
  };
}
