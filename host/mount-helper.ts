import { execFile } from "node:child_process";
import { getSystemErrorMessage } from "node:util";

/** mount(2) and umount(2) in a process of their own each, because both may wait for a server. */
export interface MountHelper {
  /** Undefined when it is mounted, else the kernel's reason. */
  mount(request: MountCall): Promise<string | undefined>;
  /** Lets go of it even when it is in use. */
  unmount(target: string): Promise<string | undefined>;
}

export interface MountCall {
  readonly type: string;
  readonly device: string;
  readonly target: string;
  readonly flags: number;
  readonly data: string;
}

/** By the roles `mount` and `umount` of the native program, whose exit codes are errno. */
export function nativeMountHelper(binary: string): MountHelper {
  return {
    mount: ({ type, device, target, flags, data }) =>
      reasonOf(binary, ["mount", type, device, target, String(flags), data]),
    unmount: (target) => reasonOf(binary, ["umount", target]),
  };
}

function reasonOf(binary: string, args: readonly string[]): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  execFile(binary, args, (error) => {
    if (error === null) resolve(undefined);
    else if (typeof error.code === "number") resolve(getSystemErrorMessage(-error.code));
    else reject(error);
  });
  return promise;
}
