import { randomUUID } from "node:crypto";
import type { VirDomainSnapshotRecurrenceRule } from "#api/hypercore/types.ts";
import type { StoredRecord } from "#hypervisor/metadata/record-store.ts";
import { localTimeOf, nextOccurrence, parseLocalTime, parseRecurrence, utcTimeOf } from "./recurrence.ts";
import { kinds, type VmRecord } from "./records.ts";
import type { SnapshotService } from "./snapshot-service.ts";
import type { VmDeps } from "./vm-deps.ts";

export interface ScheduleRecord extends StoredRecord {
  readonly name: string;
  readonly rrules: readonly VirDomainSnapshotRecurrenceRule[];
}

type RuleBody = Partial<VirDomainSnapshotRecurrenceRule>;

const longestTimerMs = 86_400_000;

/** Takes snapshots of machines by their schedules, in the cluster's time zone, and lets old ones go. Sleeps until the next is due. */
export class ScheduleService implements Disposable {
  readonly #deps: VmDeps;
  readonly #snapshots: SnapshotService;
  readonly #timeZone: () => string;
  readonly #lifetime = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  /** Up to when everything that was due has been done. UTC. */
  #doneMs: number;

  constructor(deps: VmDeps, snapshots: SnapshotService, timeZone: () => string) {
    this.#deps = deps;
    this.#snapshots = snapshots;
    this.#timeZone = timeZone;
    this.#doneMs = deps.now().getTime();
    this.arm();
  }

  /** @throws {Fault} `invalid` for rules that are none */
  async create(body: { readonly name: string; readonly rrules: readonly RuleBody[] }): Promise<string> {
    const uuid = randomUUID();
    const record: ScheduleRecord = { uuid, name: body.name, rrules: body.rrules.map(ruleOf) };
    await this.#deps.records.change((changes) => changes.put(kinds.schedule, record));
    this.arm();
    return uuid;
  }

  /** @throws {Fault} `invalid` for rules that are none */
  async update(
    uuid: string,
    body: { readonly name?: string; readonly rrules?: readonly RuleBody[] },
  ): Promise<void> {
    const { records } = this.#deps;
    const rrules = body.rrules?.map(ruleOf);
    await records.change((changes) => {
      const before = records.find<ScheduleRecord>(kinds.schedule, uuid);
      if (before === undefined) return;
      const after = { ...before, name: body.name ?? before.name, rrules: rrules ?? before.rrules };
      changes.put(kinds.schedule, after as ScheduleRecord);
    });
    this.arm();
  }

  async remove(uuid: string): Promise<void> {
    const { records } = this.#deps;
    await records.change((changes) => {
      changes.remove(kinds.schedule, uuid);
      for (const vm of records.list<VmRecord>(kinds.vm))
        if (vm.snapshotScheduleUUID === uuid)
          changes.put(kinds.vm, { ...vm, snapshotScheduleUUID: "" } as VmRecord);
    });
    this.arm();
  }

  /** Sets the timer for what is due next; called after whatever may have changed that. */
  arm(): void {
    clearTimeout(this.#timer);
    if (this.#lifetime.signal.aborted) return;
    const next = Math.min(...this.#due().map(({ atMs }) => atMs), this.#nextExpiryMs());
    if (next === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.max(0, Math.min(longestTimerMs, next - this.#deps.now().getTime()));
    this.#timer = setTimeout(() => void this.#run(), delayMs).unref();
  }

  [Symbol.dispose](): void {
    this.#lifetime.abort();
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    const nowMs = this.#deps.now().getTime();
    const due = this.#due().filter(({ atMs }) => atMs <= nowMs);
    this.#doneMs = nowMs;
    for (const { rule, schedule, atMs } of due) await this.#takeAll(schedule, rule, atMs);
    await this.#snapshots
      .expire()
      .catch((error: unknown) => this.#deps.log.error("cannot remove old snapshots", { error }));
    this.arm();
  }

  async #takeAll(schedule: string, rule: VirDomainSnapshotRecurrenceRule, atMs: number): Promise<void> {
    const { records, log } = this.#deps;
    const trigger = Math.floor(atMs / 1000);
    const body = {
      label: rule.name,
      type: "AUTOMATED" as const,
      automatedTriggerTimestamp: trigger,
      localRetainUntilTimestamp: trigger + rule.localRetentionDurationSeconds,
      remoteRetainUntilTimestamp: trigger + rule.remoteRetentionDurationSeconds,
      replication: rule.replication,
    };
    const vms = records.list<VmRecord>(kinds.vm).filter((vm) => vm.snapshotScheduleUUID === schedule);
    for (const { uuid } of vms)
      await this.#snapshots
        .take(uuid, randomUUID(), body, this.#lifetime.signal)
        .catch((error: unknown) => log.warn("cannot take a scheduled snapshot", { vm: uuid, error }));
  }

  /** Of each rule that some machine has, the next time. */
  #due(): readonly {
    readonly schedule: string;
    readonly rule: VirDomainSnapshotRecurrenceRule;
    readonly atMs: number;
  }[] {
    const { records } = this.#deps;
    const used = new Set(records.list<VmRecord>(kinds.vm).map((vm) => vm.snapshotScheduleUUID));
    const zone = this.#timeZone();
    const after = localTimeOf(this.#doneMs, zone);
    return records
      .list<ScheduleRecord>(kinds.schedule)
      .filter(({ uuid }) => used.has(uuid))
      .flatMap(({ uuid, rrules }) =>
        rrules.flatMap((rule) => {
          const local = nextOccurrence(parseRecurrence(rule.rrule), parseLocalTime(rule.dtstart), after);
          return local === undefined ? [] : [{ schedule: uuid, rule, atMs: utcTimeOf(local, zone) }];
        }),
      );
  }

  #nextExpiryMs(): number {
    const all = this.#deps.records.list<{ uuid: string; localRetainUntilTimestamp: number }>(kinds.snapshot);
    const times = all.map((snapshot) => snapshot.localRetainUntilTimestamp * 1000).filter((ms) => ms > 0);
    return Math.min(Number.POSITIVE_INFINITY, ...times);
  }
}

function ruleOf(body: RuleBody): VirDomainSnapshotRecurrenceRule {
  const { dtstart = "", rrule = "" } = body;
  parseRecurrence(rrule);
  parseLocalTime(dtstart);
  return {
    uuid: randomUUID(),
    dtstart,
    rrule,
    name: body.name ?? "",
    localRetentionDurationSeconds: body.localRetentionDurationSeconds ?? 0,
    remoteRetentionDurationSeconds: body.remoteRetentionDurationSeconds ?? 0,
    replication: body.replication ?? true,
  };
}
