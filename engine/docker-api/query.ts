import { Fault } from "#base/fault.ts";

/** Query parameters, read as Docker's daemon reads them. */
export class Query {
  readonly #search: string;
  #parsed: URLSearchParams | undefined;

  constructor(search: string) {
    this.#search = search;
  }

  /** Empty when it is absent. */
  text(name: string): string {
    return this.find(name) ?? "";
  }

  find(name: string): string | null {
    return this.#params().get(name);
  }

  all(name: string): readonly string[] {
    return this.#params().getAll(name);
  }

  has(name: string): boolean {
    return this.#params().has(name);
  }

  /** True unless absent, empty, `0`, `no`, `false` or `none`. */
  boolean(name: string): boolean {
    const value = this.text(name).trim().toLowerCase();
    return !(value === "" || value === "0" || value === "no" || value === "false" || value === "none");
  }

  /** @throws {Fault} `invalid` with the text of Go's parser */
  integer(name: string): number {
    const value = this.text(name);
    const number = /^[+-]?\d{1,18}$/.test(value) ? Number(value) : Number.NaN;
    if (!Number.isSafeInteger(number))
      throw new Fault("invalid", `strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`);
    return number;
  }

  findInteger(name: string): number | undefined {
    return this.text(name) === "" ? undefined : this.integer(name);
  }

  #params(): URLSearchParams {
    this.#parsed ??= new URLSearchParams(this.#search);
    return this.#parsed;
  }
}

/**
 * A time as clients send it for `since` and `until`: Unix seconds with or without up to nine decimals, or RFC 3339. Returns
 * nanoseconds since 1970; undefined for empty and `0`. `prefix` begins what a refusal says.
 *
 * @throws {Fault} `invalid`
 */
export function parseTimestamp(text: string, prefix = ""): bigint | undefined {
  if (text === "" || text === "0") return undefined;
  const unix = /^(\d{1,12})(?:\.(\d{1,9})\d*)?$/.exec(text);
  if (unix !== null) return BigInt(unix[1] ?? 0) * 1_000_000_000n + BigInt((unix[2] ?? "").padEnd(9, "0"));
  const ms = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms))
    throw new Fault("invalid", `${prefix}strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const digits = /\.(\d{1,9})/.exec(text)?.[1] ?? "";
  return BigInt(Math.floor(ms / 1000)) * 1_000_000_000n + BigInt(digits.padEnd(9, "0"));
}
