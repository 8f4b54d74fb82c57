/** Where sockets are made: in the network namespace at a path, or at home. */
export interface NamespaceDoor {
  within<T>(path: string | undefined, work: () => Promise<T>): Promise<T>;
}

/** For who never leaves home. */
export const atHome: NamespaceDoor = { within: (_, work) => work() };
