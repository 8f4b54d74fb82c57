import type { TaskTagStatus } from "#api/hypercore/types.ts";
import { messageOf } from "#base/fault.ts";
import type { Log } from "#base/log.ts";
import type { Changes, RecordStore, StoredRecord } from "#hypervisor/metadata/record-store.ts";

interface TaskRecord extends StoredRecord {
  readonly status: TaskTagStatus;
  readonly goal?: TaskGoal;
}

/** What is so when a task has done its work: how a daemon tells that one was done which an earlier daemon did not live to end. */
export interface TaskGoal {
  /** Of the record that is meant. */
  readonly kind: string;
  readonly uuid: string;
  /** `running` and `stopped` are said of machines. */
  readonly is: "there" | "gone" | "running" | "stopped";
}

/** What a task is about, for whoever reads its status. */
export interface TaskSubject {
  /** Each `%@` stands for the next parameter. */
  readonly description: string;
  readonly parameters?: readonly string[];
  readonly objectUUID: string;
  readonly sessionID?: string;
  readonly goal?: TaskGoal;
}

/** A failure that clients recognise by its text; each `%@` stands for the next parameter. */
export class TaskFailure extends Error {
  override readonly name = "TaskFailure";
  readonly parameters: readonly string[];

  constructor(message: string, parameters: readonly string[] = []) {
    super(message);
    this.parameters = parameters;
  }
}

export interface TaskProgress {
  /** 0 to 100. Seen by clients at once, on disk only with the end. */
  report(percent: number): void;
  /** Makes the last change of the work and ends the task with it: both are to be seen, or neither. Nothing may follow. */
  commit(plan: (changes: Changes) => void): Promise<void>;
}

const kept = 2000;
const blank: TaskTagStatus = {
  taskTag: "",
  progressPercent: 0,
  state: "UNINITIALIZED",
  formattedDescription: "",
  descriptionParameters: [],
  formattedMessage: "",
  messageParameters: [],
  objectUUID: "",
  created: 0,
  modified: 0,
  completed: 0,
  sessionID: "",
  nodeUUIDs: [],
};

/**
 * Long operations that clients poll by their tag, a decimal number. A task is on disk before its tag is told, and so is its
 * end before anybody sees it. What a daemon's end has interrupted ends when the next one starts: in ERROR, unless its goal is reached.
 */
export class TaskList {
  readonly #records: RecordStore;
  readonly #log: Log;
  readonly #now: () => Date;
  readonly #nodeUUID: string;
  readonly #running = new Map<string, { progress: number; readonly done: Promise<void> }>();
  readonly #latest = new Map<string, string>();
  readonly #lifetime = new AbortController();
  #next: number;

  constructor(deps: {
    readonly records: RecordStore;
    readonly log: Log;
    readonly now: () => Date;
    readonly nodeUUID: string;
  }) {
    this.#records = deps.records;
    this.#log = deps.log;
    this.#now = deps.now;
    this.#nodeUUID = deps.nodeUUID;
    const known = this.#records.list<TaskRecord>("task");
    this.#next = Math.max(0, ...known.map(({ uuid }) => Number(uuid))) + 1;
    for (const { uuid, status } of known) this.#latest.set(status.objectUUID, uuid);
  }

  /** Ends what an earlier daemon has left unfinished. */
  async endInterrupted(isReached: (goal: TaskGoal) => boolean): Promise<void> {
    const left = this.#records.list<TaskRecord>("task").filter(({ status }) => isOpen(status));
    if (left.length === 0) return;
    await this.#records.change((changes) => {
      for (const { uuid, status, goal } of left)
        changes.put(
          "task",
          goal !== undefined && isReached(goal)
            ? this.#ended(uuid, status, "COMPLETE", "", [])
            : this.#ended(uuid, status, "ERROR", "Interrupted by a restart of the service", []),
        );
    });
  }

  find(tag: string): TaskTagStatus | undefined {
    const record = this.#records.find<TaskRecord>("task", tag);
    return record === undefined ? undefined : this.#shown(record);
  }

  list(): readonly TaskTagStatus[] {
    return this.#records.list<TaskRecord>("task").map((record) => this.#shown(record));
  }

  /** Of the newest task about an object; blank when there is none. */
  latestOf(objectUUID: string): TaskTagStatus {
    const tag = this.#latest.get(objectUUID);
    return (tag === undefined ? undefined : this.find(tag)) ?? blank;
  }

  /**
   * Begins a task and resolves to its tag. `record` is told in the same change that makes the task, so that what it promises is
   * kept with it. What `work` throws becomes the task's message.
   */
  async begin(
    subject: TaskSubject,
    work: (progress: TaskProgress, signal: AbortSignal) => Promise<void>,
    record: (changes: Changes, tag: string) => void = () => {},
  ): Promise<string> {
    const status = this.#newStatus(subject);
    const { taskTag: tag } = status;
    const { goal } = subject;
    await this.#add({ uuid: tag, status, ...(goal !== undefined && { goal }) }, record);
    const entry = { progress: 0, done: Promise.resolve() };
    this.#running.set(tag, entry);
    const report = (percent: number) => {
      entry.progress = Math.max(entry.progress, Math.min(99, Math.floor(percent)));
    };
    this.#running.set(tag, Object.assign(entry, { done: this.#run(status, work, report) }));
    return tag;
  }

  /** A task that is nothing but a change of records: it is COMPLETE in that same change. Resolves to its tag. */
  async record(
    subject: TaskSubject,
    change: (changes: Changes, tag: string) => void = () => {},
  ): Promise<string> {
    const status = this.#newStatus(subject);
    const { taskTag: tag } = status;
    await this.#add(this.#ended(tag, status, "COMPLETE", "", []), change);
    return tag;
  }

  /** Aborts what is running and waits for it; it stays unfinished on disk. */
  async close(): Promise<void> {
    this.#lifetime.abort();
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  #newStatus({ description, parameters = [], objectUUID, sessionID = "" }: TaskSubject): TaskTagStatus {
    const created = this.#seconds();
    return {
      ...blank,
      taskTag: String(this.#next++),
      state: "RUNNING",
      formattedDescription: description,
      descriptionParameters: parameters,
      objectUUID,
      created,
      modified: created,
      sessionID,
      nodeUUIDs: [this.#nodeUUID],
    };
  }

  async #add(task: TaskRecord, change: (changes: Changes, tag: string) => void): Promise<void> {
    await this.#records.change((changes) => {
      change(changes, task.uuid);
      changes.put("task", task);
      this.#forgetOldest(changes);
    });
    this.#latest.set(task.status.objectUUID, task.uuid);
  }

  async #run(
    status: TaskTagStatus,
    work: (progress: TaskProgress, signal: AbortSignal) => Promise<void>,
    report: TaskProgress["report"],
  ): Promise<void> {
    const { taskTag: tag } = status;
    const log = this.#log.with({ task: tag, object: status.objectUUID });
    let hasEnded = false;
    const commit: TaskProgress["commit"] = async (plan) => {
      await this.#end(this.#ended(tag, status, "COMPLETE", "", []), plan);
      hasEnded = true;
    };
    try {
      await work({ report, commit }, this.#lifetime.signal);
      if (!hasEnded) await commit(() => {});
    } catch (error) {
      if (this.#lifetime.signal.aborted) return;
      log.warn("task failed", { error });
      const parameters = error instanceof TaskFailure ? error.parameters : [];
      await this.#end(this.#ended(tag, status, "ERROR", messageOf(error), parameters)).catch(
        (reason: unknown) => log.error("cannot record the end of a task", { error: reason }),
      );
    } finally {
      this.#running.delete(tag);
    }
  }

  async #end(record: TaskRecord, plan: (changes: Changes) => void = () => {}): Promise<void> {
    await this.#records.change((changes) => {
      plan(changes);
      changes.put("task", record);
    });
  }

  #ended(
    tag: string,
    status: TaskTagStatus,
    state: "COMPLETE" | "ERROR",
    formattedMessage: string,
    messageParameters: readonly string[],
  ): TaskRecord {
    const completed = this.#seconds();
    const progressPercent = state === "COMPLETE" ? 100 : status.progressPercent;
    return {
      uuid: tag,
      status: {
        ...status,
        state,
        progressPercent,
        formattedMessage,
        messageParameters,
        modified: completed,
        completed,
      },
    };
  }

  #shown({ uuid, status }: TaskRecord): TaskTagStatus {
    const running = this.#running.get(uuid);
    return running === undefined || !isOpen(status)
      ? status
      : { ...status, progressPercent: running.progress };
  }

  #forgetOldest(changes: Changes): void {
    const all = this.#records.list<TaskRecord>("task");
    for (const { uuid, status } of all.slice(0, Math.max(0, all.length - kept)))
      if (!isOpen(status)) changes.remove("task", uuid);
  }

  #seconds(): number {
    return Math.floor(this.#now().getTime() / 1000);
  }
}

function isOpen(status: TaskTagStatus): boolean {
  return status.state === "RUNNING" || status.state === "QUEUED";
}
