import type { Codec, MessageOf } from "#base/protobuf.ts";

/** A method of a service, as generated tables of services have it. */
export interface MethodRow {
  readonly path: string;
  /** Of the request and of the response. */
  readonly codecs: readonly [Codec<unknown>, Codec<unknown>];
  /** Whether it answers with many messages. */
  readonly isStream: boolean;
}

export type RequestOf<Row> = Row extends { readonly codecs: readonly [infer C, unknown] }
  ? MessageOf<C>
  : never;
export type ResponseOf<Row> = Row extends { readonly codecs: readonly [unknown, infer C] }
  ? MessageOf<C>
  : never;
