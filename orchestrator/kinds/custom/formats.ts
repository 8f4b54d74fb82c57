import { isIP } from "node:net";

/** Whether a text has a format; formats that are not known let everything through. @see OpenAPI 3.0, data types */
export function hasFormat(format: string, text: string): boolean {
  return checks[format.replaceAll("-", "")]?.(text) ?? true;
}

/** Whether the API knows a format, e.g. for a warning that it does not. */
export function isKnownFormat(format: string): boolean {
  return format.replaceAll("-", "") in checks || otherFormats.has(format);
}

const otherFormats = new Set([
  "int32",
  "int64",
  "float",
  "double",
  "password",
  "bsonobjectid",
  "isbn",
  "isbn10",
  "isbn13",
  "creditcard",
  "ssn",
]);

const uuid = (version: string) =>
  new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, "i");
const anyUuid = uuid("[0-9a-f]");

const checks: Readonly<Record<string, (text: string) => boolean>> = {
  uri: (text) => URL.canParse(text) || /^\/[^\s]*$/.test(text),
  email: (text) => /^[^\s@<>]+@[^\s@<>]+$/.test(text),
  hostname: (text) =>
    text.length <= 255 &&
    /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*\.?$/i.test(text),
  ipv4: (text) => isIP(text) === 4,
  ipv6: (text) => isIP(text) === 6,
  cidr: isCidr,
  mac: (text) =>
    /^([0-9a-f]{2}[:-]){5}([0-9a-f]{2}([:-][0-9a-f]{2}){2}([:-][0-9a-f]{2}){0,12}|[0-9a-f]{2})$|^([0-9a-f]{4}\.){2,9}[0-9a-f]{4}$/i.test(
      text,
    ),
  uuid: (text) => anyUuid.test(text),
  uuid3: (text) => uuid("3").test(text),
  uuid4: (text) => uuid("4").test(text),
  uuid5: (text) => uuid("5").test(text),
  byte: (text) => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text),
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && isDate(text),
  datetime: (text) =>
    /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)$/.test(text) &&
    isDate(text.slice(0, 10)),
  duration: (text) =>
    /^[+-]?((\d+\.?\d*|\.\d+)\s*(ns|us|µs|ms|s|m|h|d|w)\s*)+$|^[+-]?0$/.test(text) && text.length < 100,
  hexcolor: (text) => /^#?([0-9a-f]{3}|[0-9a-f]{6})$/i.test(text),
  rgbcolor: (text) => /^rgb\(\s*(\d{1,3}\s*,\s*){2}\d{1,3}\s*\)$/.test(text),
  k8sshortname: (text) => text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text),
  k8slongname: (text) =>
    text.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text),
};

function isCidr(text: string): boolean {
  const [, address = "", length = ""] = /^(.*)\/(\d{1,3})$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(length) <= (version === 4 ? 32 : 128);
}

function isDate(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}
