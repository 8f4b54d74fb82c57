/**
 * i386's older libraries make socket and System V IPC calls through one call each, whose first argument says which. A rule for
 * one of them therefore also is one for the shared call with that argument. What the call's own arguments are cannot be
 * seen there: they are in memory. @see Linux, include/uapi/linux/{net,ipc}.h
 */
export const multiplexedOn386: ReadonlyMap<string, { readonly through: string; readonly selector: number }> =
  new Map([
    ...selectors("socketcall", {
      socket: 1,
      bind: 2,
      connect: 3,
      listen: 4,
      accept: 5,
      getsockname: 6,
      getpeername: 7,
      socketpair: 8,
      send: 9,
      recv: 10,
      sendto: 11,
      recvfrom: 12,
      shutdown: 13,
      setsockopt: 14,
      getsockopt: 15,
      sendmsg: 16,
      recvmsg: 17,
      accept4: 18,
      recvmmsg: 19,
      sendmmsg: 20,
    }),
    ...selectors("ipc", {
      semop: 1,
      semget: 2,
      semctl: 3,
      semtimedop: 4,
      msgsnd: 11,
      msgrcv: 12,
      msgget: 13,
      msgctl: 14,
      shmat: 21,
      shmdt: 22,
      shmget: 23,
      shmctl: 24,
    }),
  ]);

function selectors(through: string, numbers: Readonly<Record<string, number>>) {
  return Object.entries(numbers).map(([name, selector]) => [name, { through, selector }] as const);
}
