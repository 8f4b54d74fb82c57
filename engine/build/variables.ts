import { type Expansion, expandWord } from "#oci/dockerfile/expand.ts";

/** Arguments that need no ARG: for RUN, and in no image's history. */
const proxies = new Set(["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"]);

export function isProxy(name: string): boolean {
  return proxies.has(name.toUpperCase());
}

/** What the client gave: null takes away an argument's default. */
export type BuildArgs = Readonly<Record<string, string | null>>;

/** Arguments and environment of a stage. A variable of the environment hides an argument. */
export class Variables {
  readonly #given: BuildArgs;
  readonly #global: ReadonlyMap<string, string | undefined>;
  readonly #used: Set<string>;
  readonly #args = new Map<string, string | undefined>();
  readonly #escape: string;
  readonly #missed: ((name: string) => void) | undefined;
  #env = new Map<string, string>();

  /**
   * @param options.used gets the names of the given arguments that were asked for
   * @param options.inherited of the stage that this one is built on, where stages hand their arguments on
   * @param options.missed is told of names that nothing has declared
   */
  constructor(options: {
    readonly given: BuildArgs;
    readonly global: ReadonlyMap<string, string | undefined>;
    readonly used: Set<string>;
    readonly escape: string;
    readonly inherited?: Variables;
    readonly missed?: (name: string) => void;
  }) {
    this.#given = options.given;
    this.#global = options.global;
    this.#used = options.used;
    this.#escape = options.escape;
    this.#missed = options.missed;
    if (options.inherited !== undefined)
      for (const [name, value] of options.inherited.#args) this.#args.set(name, value);
  }

  setEnvironment(env: readonly string[]): void {
    this.#env = new Map(env.map((entry) => splitPair(entry)));
  }

  get expansion(): Expansion {
    return { lookup: (name) => this.#find(name), escape: this.#escape };
  }

  /** Names that have a value. */
  get names(): readonly string[] {
    const given = [...this.#args].flatMap(([name, value]) => (value === undefined ? [] : [name]));
    return [...this.#env.keys(), ...given].filter((name) => name !== "");
  }

  #find(name: string): string | undefined {
    const value = this.#env.get(name) ?? this.#args.get(name);
    if (value === undefined && !this.#args.has(name)) this.#missed?.(name);
    return value;
  }

  expand(text: string): string {
    return expandWord(text, this.expansion);
  }

  /** `ARG name` or `ARG name=value`; the value is expanded already. */
  declare(name: string, value: string | undefined): void {
    this.#used.add(name);
    const given = Object.hasOwn(this.#given, name) ? this.#given[name] : undefined;
    this.#args.set(name, given ?? value ?? this.#global.get(name));
  }

  /** What a declared argument has come to. */
  argument(name: string): string | undefined {
    return this.#args.get(name);
  }

  /** Declared arguments that have a value and that no variable hides, `name=value`, sorted. */
  declared(): readonly string[] {
    return [...this.#args]
      .filter(([name, value]) => value !== undefined && !this.#env.has(name))
      .map(([name, value]) => `${name}=${value}`)
      .sort();
  }

  /** Proxies that the client gave and the stage did not declare. */
  proxies(): readonly string[] {
    return Object.entries(this.#given).flatMap(([name, value]) => {
      if (!isProxy(name) || value === null || this.#env.has(name) || this.#args.has(name)) return [];
      return [`${name}=${value}`];
    });
  }
}

export function splitPair(entry: string): [name: string, value: string] {
  const equals = entry.indexOf("=");
  return equals < 0 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
}

/** Replaces variables by name and keeps their order. */
export function mergeEnv(
  env: readonly string[],
  pairs: readonly (readonly [string, string])[],
): readonly string[] {
  const merged = new Map(env.map((entry) => splitPair(entry)));
  for (const [name, value] of pairs) merged.set(name, value);
  return [...merged].map(([name, value]) => `${name}=${value}`);
}
