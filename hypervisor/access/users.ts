import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import type { User } from "#api/hypercore/types.ts";
import { Fault } from "#base/fault.ts";
import type { RecordStore, StoredRecord } from "#hypervisor/metadata/record-store.ts";
import { hashPassword, isPasswordOf } from "./password.ts";
import { adminRole, isRole } from "./roles.ts";

export interface UserRecord extends StoredRecord {
  readonly username: string;
  readonly passwordHash: string;
  readonly fullName: string;
  readonly roleUUIDs: readonly string[];
  readonly sessionLimit: number;
}

/** What a client says of a user. */
export type UserChange = Partial<Omit<User, "uuid">>;

const kind = "user";

/** Who may use the hypervisor. There is always a user with the role Admin. */
export class Users {
  readonly #records: RecordStore;
  readonly #initialPasswordFile: string;
  /** Passwords that were right, as keyed hashes: checking one takes 50 ms otherwise, and Basic authentication does so every time. */
  readonly #checked = new Map<string, string>();
  readonly #checkKey = randomBytes(32);

  constructor(deps: { readonly records: RecordStore; readonly initialPasswordFile: string }) {
    this.#records = deps.records;
    this.#initialPasswordFile = deps.initialPasswordFile;
  }

  /**
   * Makes the user `admin` when there are no users. Its password is in the file, for its owner alone, until it is changed.
   *
   * @returns the password when one was made
   */
  async ensureAdmin(): Promise<string | undefined> {
    if (this.#records.list(kind).length > 0) return undefined;
    const password = randomBytes(15).toString("base64url");
    // First the file: a user whose password nobody has seen would lock everybody out.
    rmSync(this.#initialPasswordFile, { force: true });
    writeFileSync(this.#initialPasswordFile, `${password}\n`, { mode: 0o600, flush: true });
    await this.create({ username: "admin", password, fullName: "Administrator", roleUUIDs: [adminRole] });
    return password;
  }

  list(): readonly UserRecord[] {
    return this.#records.list<UserRecord>(kind);
  }

  find(uuid: string): UserRecord | undefined {
    return this.#records.find<UserRecord>(kind, uuid);
  }

  /** The user whose password that is. */
  async verify(username: string, password: string): Promise<UserRecord | undefined> {
    const user = this.#named(username);
    const key = createHmac("sha256", this.#checkKey)
      .update(`${username.length}:${username}${password}`)
      .digest("base64");
    if (user !== undefined && this.#checked.get(key) === user.passwordHash) return user;
    if (!(await isPasswordOf(user?.passwordHash, password)) || user === undefined) return undefined;
    this.#checked.set(key, user.passwordHash);
    const [oldest] = this.#checked.keys();
    if (this.#checked.size > 100 && oldest !== undefined) this.#checked.delete(oldest);
    return user;
  }

  /** @throws {Fault} `invalid` for a name that is taken or empty, and roles that there are not */
  async create(change: UserChange): Promise<string> {
    const uuid = randomUUID();
    const passwordHash = await hashPassword(change.password ?? "");
    await this.#records.change((changes) => {
      this.#check(change, uuid);
      changes.put(kind, {
        uuid,
        username: change.username ?? "",
        passwordHash,
        fullName: change.fullName ?? "",
        roleUUIDs: change.roleUUIDs ?? [],
        sessionLimit: change.sessionLimit ?? 0,
      } as UserRecord);
    });
    return uuid;
  }

  /** @throws {Fault} `not-found`; `invalid` as for {@link create}, and when nobody would be Admin any more */
  async update(uuid: string, change: UserChange): Promise<void> {
    const passwordHash = change.password === undefined ? undefined : await hashPassword(change.password);
    await this.#records.change((changes) => {
      const before = this.#get(uuid);
      this.#check({ username: before.username, ...change }, uuid);
      const { password: _, ...rest } = change;
      const after: UserRecord = { ...before, ...rest, ...(passwordHash !== undefined && { passwordHash }) };
      if (!after.roleUUIDs.includes(adminRole)) this.#checkOtherAdmin(uuid);
      changes.put(kind, after);
    });
    if (passwordHash !== undefined && this.find(uuid)?.username === "admin")
      rmSync(this.#initialPasswordFile, { force: true });
  }

  /** Does nothing when there is no such user. @throws {Fault} `invalid` for the last Admin */
  async remove(uuid: string): Promise<void> {
    await this.#records.change((changes) => {
      if (this.find(uuid) === undefined) return;
      this.#checkOtherAdmin(uuid);
      changes.remove(kind, uuid);
    });
  }

  #get(uuid: string): UserRecord {
    const user = this.find(uuid);
    if (user === undefined) throw new Fault("not-found", `There is no user ${uuid}`);
    return user;
  }

  #named(username: string): UserRecord | undefined {
    return this.list().find((user) => user.username === username);
  }

  #check({ username = "", roleUUIDs = [] }: UserChange, uuid: string): void {
    if (!/^[^\s:]{1,256}$/.test(username)) throw new Fault("invalid", `Invalid username '${username}'`);
    const named = this.#named(username);
    if (named !== undefined && named.uuid !== uuid)
      throw new Fault("invalid", `A user named '${username}' exists already`);
    const unknown = roleUUIDs.find((role) => !isRole(role));
    if (unknown !== undefined) throw new Fault("invalid", `There is no role ${unknown}`);
  }

  #checkOtherAdmin(uuid: string): void {
    if (!this.list().some((user) => user.uuid !== uuid && user.roleUUIDs.includes(adminRole)))
      throw new Fault("invalid", "The last user with the role Admin must stay");
  }
}
