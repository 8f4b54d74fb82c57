import type { Handle, KernelHelper } from "#engine/supervise/kernel-helper.ts";

/** Never fails: a spawner that cannot let go of a handle is dead, and what it held is gone with it. */
export async function letGo(kernel: KernelHelper, handles: readonly Handle[]): Promise<void> {
  await Promise.allSettled(handles.map((handle) => kernel.release(handle)));
}
