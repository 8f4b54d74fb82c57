import { ALLOW, ENOSYS, EPERM, fail } from "./action.ts";
import type { Condition, Profile, Rule } from "./rules.ts";

/**
 * Calls every container may make, whatever their arguments: they act on what the caller owns or holds, or the kernel checks
 * them well itself. Names of ABIs other than the machine's are in it too: x86-64 runs i386's programs.
 */
const always: readonly string[] = [
  // Names and attributes of files. Handles may be made of names, but names not of handles: that steps around permissions.
  `access chdir chmod chown chown32 creat faccessat faccessat2 fchdir fchmod fchmodat fchmodat2 fchown fchown32
   fchownat fstat fstat64 fstatat64 fstatfs fstatfs64 futimesat getcwd getdents getdents64 lchown lchown32 link linkat
   lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat openat2 readlink readlinkat rename
   renameat renameat2 rmdir stat stat64 statfs statfs64 statx symlink symlinkat truncate truncate64 umask unlink
   unlinkat utime utimensat utimensat_time64 utimes`,
  `fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr
   lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat`,
  // What is mounted where may be read: /proc says it as well. Nothing may be mounted.
  "listmount statmount",

  // Content of files and pipes.
  `_llseek cachestat close close_range copy_file_range dup dup2 dup3 fadvise64 fadvise64_64 fallocate fcntl fcntl64
   fdatasync flock fsync ftruncate ftruncate64 ioctl lseek pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2
   read readahead readv sendfile sendfile64 splice sync sync_file_range syncfs tee vmsplice write writev`,
  "io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit",

  // Waiting for events.
  `_newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old
   eventfd eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch poll ppoll ppoll_time64
   pselect6 pselect6_time64 select signalfd signalfd4`,

  // Sockets, once there is one: which families there may be is below. socketcall is i386's door to all of them.
  `accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64 recvmsg
   send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair`,

  // Memory.
  `brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect
   mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages`,

  // System V and POSIX messages, semaphores, shared memory: an IPC namespace holds them.
  `ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink
   msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget`,

  // Processes and threads; clone has rules of its own.
  `execve execveat exit exit_group fork getpgid getpgrp getpid getppid getsid gettid kill pidfd_open pidfd_send_signal
   process_mrelease setpgid setsid tgkill tkill vfork wait4 waitid waitpid`,
  `futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake get_robust_list get_thread_area rseq
   set_robust_list set_thread_area set_tid_address`,
  `getcpu getpriority getrlimit getrusage ioprio_get ioprio_set prlimit64 sched_get_priority_max sched_get_priority_min
   sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
   sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield
   setpriority setrlimit times ugetrlimit`,

  // Signals.
  `pause restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
   rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn uretprobe`,

  // Clocks and timers. Setting the clock is checked by the kernel in the two adjtimex calls, which also read it.
  `adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
   clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete
   timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
   timerfd_gettime64 timerfd_settime timerfd_settime64`,

  // Who one is, and giving rights up.
  `capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32
   getresuid getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32
   setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32`,
  "landlock_add_rule landlock_create_ruleset landlock_restrict_self prctl seccomp",

  // The system, to read.
  "getrandom riscv_hwprobe sysinfo uname",
].flatMap(namesIn);

/** Calls that a capability opens, and nothing else: without it they fail as if the kernel had refused them. */
const byCapability: Readonly<Record<string, string>> = {
  CAP_BPF: "bpf",
  CAP_DAC_READ_SEARCH: "open_by_handle_at",
  CAP_PERFMON: "perf_event_open",
  CAP_SYS_ADMIN: `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr
    lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd
    setdomainname sethostname setns syslog umount umount2 unshare`,
  CAP_SYS_BOOT: "reboot",
  CAP_SYS_CHROOT: "chroot",
  CAP_SYS_MODULE: "delete_module finit_module init_module",
  CAP_SYS_NICE: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_PTRACE: "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
  CAP_SYS_RAWIO: "ioperm iopl",
  CAP_SYS_TIME: "clock_settime clock_settime64 settimeofday stime",
  CAP_SYS_TTY_CONFIG: "vhangup",
  CAP_SYSLOG: "syslog",
};

const AF_ALG = 38n;
const AF_VSOCK = 40n;
/** What i386's socketcall does first of all: make a socket. */
const SYS_SOCKET = 1n;

/**
 * Families of sockets that are refused: AF_ALG, the kernel's crypto code by socket (CVE-2026-31431), and AF_VSOCK, which
 * reaches the machine's hypervisor whatever the network namespace.
 */
const socketFamilies: readonly (readonly Condition[])[] = [
  [first("<", AF_ALG)],
  [first(">", AF_ALG), first("<", AF_VSOCK)],
  // The kernel reads the family as an int and drops the upper half: with it set, 38 and 40 would seem greater than 40. Docker
  // lets them pass. Only what a C compiler passes is let through here, ints extended by zeros or by their sign.
  [first(">", AF_VSOCK), first("<=", 0xffff_ffffn)],
  [first(">=", 0xffff_ffff_8000_0000n)],
];

/** PER_LINUX, PER_LINUX32, each also with UNAME26, and the question which one it is. Others turn off protections. */
const personalities = [0n, 0x8n, 0x2_0000n, 0x2_0008n, 0xffff_ffffn];

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NAMESPACE_FLAGS = 0x7e02_0000n;

const withoutAdmin = { capabilities: ["CAP_SYS_ADMIN"] };

const rules: readonly Rule[] = [
  { names: always, action: ALLOW },

  // Before 4.8 a tracer could change a call after the filter had seen it.
  {
    names: ["process_vm_readv", "process_vm_writev", "ptrace"],
    action: ALLOW,
    includes: { minKernel: { major: 4, minor: 8 } },
  },

  ...socketFamilies.map((args) => ({ names: ["socket"], action: ALLOW, args })),
  ...personalities.map((value) => ({ names: ["personality"], action: ALLOW, args: [first("==", value)] })),

  // New processes and threads, but no new namespaces: in a user namespace anyone is root, and much of the kernel opens.
  {
    names: ["clone"],
    action: ALLOW,
    args: [{ index: 0, op: "masked==", value: NAMESPACE_FLAGS, valueTwo: 0n }],
    excludes: withoutAdmin,
  },
  // Its flags are in memory, where a filter cannot look. ENOSYS makes libc fall back to clone.
  { names: ["clone3"], action: fail(ENOSYS), excludes: withoutAdmin },

  { names: ["arch_prctl", "modify_ldt"], action: ALLOW, includes: { architectures: ["amd64"] } },
  {
    names: namesIn("arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2"),
    action: ALLOW,
    includes: { architectures: ["arm64"] },
  },

  ...Object.entries(byCapability).map(([capability, names]) => ({
    names: namesIn(names),
    action: ALLOW,
    includes: { capabilities: [capability] },
  })),
];

/**
 * The profile of a container that names none. Its verdicts are those of Docker's own (moby/profiles, seccomp v0.2.3) for every
 * call and argument, but for socket families with a malformed upper half. What is not allowed here fails with EPERM: io_uring,
 * keys, userfaultfd, kexec, swap, pivot_root and whatever is obsolete among it.
 */
export const defaultProfile: Profile = {
  defaultAction: fail(EPERM),
  subAbis: { x86_64: ["x86", "x32"], aarch64: ["arm"] },
  rules,
  decides: "all-known",
  filter: {},
};

/**
 * The default one without i386's other way to make a socket, whose family is in memory, where no filter looks. Libc has made
 * sockets by `socket` there, too, since Linux 4.3.
 */
export const strictProfile: Profile = {
  ...defaultProfile,
  rules: [
    // First, as rules for socket are also about this way to make one. One with the default's action would count for nothing.
    { names: ["socketcall"], action: fail(ENOSYS), args: [first("==", SYS_SOCKET)] },
    ...rules.map((rule) => ({ ...rule, names: rule.names.filter((name) => name !== "socketcall") })),
    { names: ["socketcall"], action: ALLOW, args: [first("!=", SYS_SOCKET)] },
  ],
};

function first(op: Condition["op"], value: bigint): Condition {
  return { index: 0, op, value };
}

function namesIn(text: string): readonly string[] {
  return text.split(/\s+/).filter((name) => name !== "");
}
