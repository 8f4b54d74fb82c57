/** Whether an image is named with the tag `latest`, or with neither tag nor digest, which means the same. */
export function hasLatestTag(image: string): boolean {
  if (image.includes("@")) return false;
  const own = image.slice(image.lastIndexOf("/") + 1);
  const tag = own.includes(":") ? own.slice(own.indexOf(":") + 1) : "latest";
  return tag === "latest" && image !== "";
}
