import { unexpected, type StatusError } from "#api/kube/status.ts";
import { messageOf } from "#base/fault.ts";
import { untilAborted } from "#base/until-aborted.ts";
import { isObject } from "#orchestrator/machinery/is-object.ts";
import type { Conversion, Draft } from "#orchestrator/machinery/resource.ts";
import type { CustomDefinition } from "./definition.ts";

interface ConverterClient {
  readonly url?: string;
  readonly service?: {
    readonly namespace: string;
    readonly name: string;
    readonly path?: string;
    readonly port?: number;
  };
  readonly caBundle?: string;
}

/** Asks a webhook; rejects with what went wrong. */
export type CallConverter = (
  client: ConverterClient,
  review: Draft,
  timeoutS: number,
  signal: AbortSignal,
) => Promise<unknown>;

export interface ConverterDeps {
  readonly call: CallConverter;
  readonly newUid: () => string;
}

const timeoutS = 30;
/** So many objects are asked about at a time. */
const atOnce = 500;

/** How what is kept becomes one version of a kind, by the definition's webhook: each object is asked about once. */
export interface VersionConverter extends Conversion {
  /** @throws {StatusError} for one that has not been prepared */
  decode(stored: Draft): Draft;
}

/** @param served the version, and `stored` the one that new objects are kept in. @see Kubernetes API 1.36, ConversionReview */
export function versionConverter(
  deps: ConverterDeps,
  definition: CustomDefinition,
  { served, stored }: { readonly served: string; readonly stored: string },
): VersionConverter {
  const { group } = definition.spec;
  const [servedAs, storedAs] = [`${group}/${served}`, `${group}/${stored}`];
  const convert = converterOf(deps, definition);
  const known = new WeakMap<Draft, Draft>();
  const asked = new WeakMap<Draft, Question>();
  const ask = (some: readonly Draft[]): Question => {
    const question = new Question(async (signal) => {
      for (const [index, one] of (await convert(some, servedAs, signal)).entries()) {
        const from = some[index];
        if (from !== undefined) known.set(from, one);
      }
    });
    for (const one of some) asked.set(one, question);
    return question;
  };
  const openAbout = (object: Draft): Question | undefined => {
    const question = asked.get(object);
    return question?.isOpen === true ? question : undefined;
  };
  return {
    async prepare(objects, signal) {
      const wanted = [...new Set(objects)].filter((one) => one["apiVersion"] !== servedAs);
      for (;;) {
        const left = wanted.filter((one) => !known.has(one));
        const [first] = left;
        if (first === undefined) return;
        const question =
          openAbout(first) ?? ask(left.filter((one) => openAbout(one) === undefined).slice(0, atOnce));
        await question.answered(signal);
      }
    },
    decode(object) {
      if (object["apiVersion"] === servedAs) return object;
      const converted = known.get(object);
      if (converted === undefined) throw failed(definition, object, "failed: the object was not asked about");
      return converted;
    },
    async encode(object, signal) {
      if (object["apiVersion"] === storedAs) return object;
      const [converted = object] = await convert([object], storedAs, signal);
      return converted;
    },
  };
}

/** What several may wait for: it is given up when nobody does any more. */
class Question {
  readonly #stop = new AbortController();
  readonly #answer: Promise<void>;
  #waiting = 0;

  constructor(ask: (signal: AbortSignal) => Promise<void>) {
    this.#answer = ask(this.#stop.signal);
  }

  get isOpen(): boolean {
    return !this.#stop.signal.aborted;
  }

  async answered(signal: AbortSignal): Promise<void> {
    this.#waiting++;
    try {
      await untilAborted(this.#answer, signal);
    } finally {
      if (--this.#waiting === 0) this.#stop.abort();
    }
  }
}

/** Asks the webhook about objects of one version. */
function converterOf({ call, newUid }: ConverterDeps, definition: CustomDefinition) {
  const { clientConfig = {}, conversionReviewVersions = [] } = definition.spec.conversion?.webhook ?? {};
  const reviewVersion = conversionReviewVersions.find((one) => one === "v1" || one === "v1beta1") ?? "v1";
  return async (
    objects: readonly Draft[],
    desiredAPIVersion: string,
    signal: AbortSignal,
  ): Promise<readonly Draft[]> => {
    const [first] = objects;
    const uid = newUid();
    const review = {
      kind: "ConversionReview",
      apiVersion: `apiextensions.k8s.io/${reviewVersion}`,
      request: { uid, desiredAPIVersion, objects },
    };
    const answer = await call(clientConfig as ConverterClient, review, timeoutS, signal).catch(
      (error: unknown) => {
        signal.throwIfAborted();
        throw failed(definition, first, `failed: ${messageOf(error)}`);
      },
    );
    const response = isObject(answer) && isObject(answer["response"]) ? answer["response"] : undefined;
    const reason = refusalOf(response, uid);
    if (reason !== undefined) throw failed(definition, first, `failed: ${reason}`);
    const { convertedObjects: made } = response ?? {};
    const all = Array.isArray(made) ? (made as readonly unknown[]) : [];
    if (all.length !== objects.length)
      throw failed(definition, first, `returned ${all.length} objects, expected ${objects.length}`);
    return all.map((one, at) => {
      const wrong = complaint(one, objects[at] ?? {}, desiredAPIVersion);
      if (wrong !== undefined)
        throw failed(definition, first, `returned invalid converted object at index ${at}: ${wrong}`);
      return withMetadata(one as Draft, objects[at] ?? {});
    });
  };
}

function failed({ spec }: CustomDefinition, from: Draft | undefined, reason: string): StatusError {
  return unexpected(
    `conversion webhook for ${String(from?.["apiVersion"])}, Kind=${spec.names.kind} ${reason}`,
  );
}

function refusalOf(response: Draft | undefined, uid: string): string | undefined {
  if (response === undefined) return "the answer has no response";
  if (response["uid"] !== uid) return `expected response.uid=${JSON.stringify(uid)}`;
  const result = isObject(response["result"]) ? response["result"] : {};
  if (result["status"] === "Success") return undefined;
  const { message } = result;
  return typeof message === "string" && message !== "" ? message : "response.result.status was not Success";
}

/** What a converter may not change of an object. */
function complaint(converted: unknown, original: Draft, apiVersion: string): string | undefined {
  if (!isObject(converted)) return "it is no object";
  if (converted["apiVersion"] !== apiVersion)
    return `invalid groupVersion (expected: ${apiVersion}, received: ${String(converted["apiVersion"])})`;
  if (converted["kind"] !== original["kind"])
    return `invalid kind (expected: ${String(original["kind"])}, received: ${String(converted["kind"])})`;
  const [meta, before] = [metaOf(converted), metaOf(original)];
  for (const field of ["name", "namespace", "uid"])
    if (meta[field] !== before[field])
      return `must have the same ${field}: ${String(before[field])} != ${String(meta[field])}`;
  return undefined;
}

function metaOf(object: Draft): Draft {
  return isObject(object["metadata"]) ? object["metadata"] : {};
}

/** Labels and annotations are the converter's to change, the rest of the metadata is not. */
function withMetadata(converted: Draft, original: Draft): Draft {
  const { labels, annotations } = metaOf(converted);
  const { labels: _labels, annotations: _annotations, ...metadata } = metaOf(original);
  return {
    ...converted,
    metadata: {
      ...metadata,
      ...(labels !== undefined && labels !== null && { labels }),
      ...(annotations !== undefined && annotations !== null && { annotations }),
    },
  };
}
