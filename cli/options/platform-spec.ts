/** `os[/arch[/variant]]` as the API takes it, undefined when nothing was asked. */
export function platformJson(spec: string | undefined): string | undefined {
  if (spec === undefined || spec === "") return undefined;
  const [os = "", architecture = "", variant] = spec.split("/");
  return JSON.stringify({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}
