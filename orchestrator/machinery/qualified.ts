/** A resource with its group, as errors and plugins name it: `pods`, `deployments.apps`. */
export function qualified({
  group,
  resource,
}: {
  readonly group: string;
  readonly resource: string;
}): string {
  return group === "" ? resource : `${resource}.${group}`;
}
