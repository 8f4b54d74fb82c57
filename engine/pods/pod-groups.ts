import type { ContainerConfig, HostConfig } from "#api/docker/container.ts";
import type { ImageRecord } from "#engine/images/images.ts";
import type { Launcher } from "#engine/runtime/launcher.ts";
import type { ContainerSpec } from "./pod-container.ts";

/**
 * Who a container's first process is. Docker leaves out the groups of the image's files where a group was named, and only there;
 * to Kubernetes that is a question of its own.
 *
 * @throws {Fault} `invalid` for a user who is not in the image's files
 * @see Kubernetes, supplementalGroupsPolicy
 */
export async function groupsOf(
  spec: ContainerSpec,
  image: ImageRecord,
  launcher: Pick<Launcher, "userOf">,
): Promise<Pick<ContainerConfig, "User"> & Pick<HostConfig, "GroupAdd">> {
  const { hostConfig, isStrictAboutGroups } = spec;
  const asked = hostConfig.GroupAdd ?? [];
  const user = spec.user || (image.config.config?.User ?? "");
  const [name = "", group = ""] = user.split(":");
  const layers = image.chainIds.at(-1);
  const isAsDocker = isStrictAboutGroups === (group !== "");
  if (isAsDocker || layers === undefined) return { User: user, GroupAdd: asked };
  const { gid, additionalGids } = await launcher.userOf(layers, name, { GroupAdd: [] });
  if (isStrictAboutGroups) return { User: `${name === "" ? "0" : name}:${gid}`, GroupAdd: asked };
  const memberships = additionalGids.filter((each) => each !== gid).map(String);
  return { User: user, GroupAdd: [...new Set([...memberships, ...asked])] };
}
