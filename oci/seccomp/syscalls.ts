/** A convention of calling the kernel, by the name libseccomp gives it. x32 is x86-64 with bit 30 of the number set. */
export type Abi = "x86_64" | "x32" | "x86" | "aarch64" | "arm";

/** From 424 on a call has the same number everywhere. */
const since51 = `
  424 pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig
  432 fsmount fspick pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2 process_madvise
  441 epoll_pwait2 mount_setattr quotactl_fd landlock_create_ruleset landlock_add_rule
  446 landlock_restrict_self memfd_secret process_mrelease futex_waitv set_mempolicy_home_node cachestat
  452 fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue statmount listmount lsm_get_self_attr
  460 lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat listxattrat removexattrat
  467 open_tree_attr file_getattr file_setattr listns rseq_slice_yield
`;

/** The 32-bit ABIs' calls with 64-bit times. */
const time64 = `
  403 clock_gettime64 clock_settime64 clock_adjtime64 clock_getres_time64 clock_nanosleep_time64
  408 timer_gettime64 timer_settime64 timerfd_gettime64 timerfd_settime64 utimensat_time64 pselect6_time64
  414 ppoll_time64 416 io_pgetevents_time64 recvmmsg_time64 mq_timedsend_time64 mq_timedreceive_time64
  420 semtimedop_time64 rt_sigtimedwait_time64 futex_time64 sched_rr_get_interval_time64
`;

const ARM_PRIVATE = 0xf0000;

/**
 * The system call numbers of each ABI up to Linux 7.1, without x32's bit. A name that an ABI does not have is not in its map.
 *
 * @see Linux, include/uapi/asm-generic/unistd.h and arch/{arm,x86}: the syscall tables
 */
export const callsOf: Readonly<Record<Abi, ReadonlyMap<string, number>>> = {
  x86_64: x8664(),
  x32: x32(),
  x86: x86(),
  aarch64: aarch64(),
  arm: arm(),
};

/** The newest call of an ABI that the tables know. ARM's private calls, far above all others, do not count. */
export function newestCallOf(abi: Abi): number {
  return Math.max(...callsOf[abi].values().filter((number) => number < ARM_PRIVATE));
}

/** A number sets the count, a name takes it and advances it. */
function tableOf(...texts: readonly string[]): Map<string, number> {
  const table = new Map<string, number>();
  let next = 0;
  for (const word of texts.join(" ").trim().split(/\s+/))
    if (/^\d/.test(word)) next = Number(word);
    else table.set(word, next++);
  return table;
}

function x8664(): Map<string, number> {
  return tableOf(
    `
    0 read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask
    15 rt_sigreturn ioctl pread64 pwrite64 readv writev access pipe select sched_yield mremap msync mincore
    28 madvise shmget shmat shmctl dup dup2 pause nanosleep getitimer alarm setitimer getpid sendfile socket
    42 connect accept sendto recvfrom sendmsg recvmsg shutdown bind listen getsockname getpeername
    53 socketpair setsockopt getsockopt clone fork vfork execve exit wait4 kill uname semget semop semctl
    67 shmdt msgget msgsnd msgrcv msgctl fcntl flock fsync fdatasync truncate ftruncate getdents getcwd
    80 chdir fchdir rename mkdir rmdir creat link unlink symlink readlink chmod fchmod chown fchown lchown
    95 umask gettimeofday getrlimit getrusage sysinfo times ptrace getuid syslog getgid setuid setgid
    107 geteuid getegid setpgid getppid getpgrp setsid setreuid setregid getgroups setgroups setresuid
    118 getresuid setresgid getresgid getpgid setfsuid setfsgid getsid capget capset rt_sigpending
    128 rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend sigaltstack utime mknod uselib personality ustat
    137 statfs fstatfs sysfs getpriority setpriority sched_setparam sched_getparam sched_setscheduler
    145 sched_getscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval mlock munlock
    151 mlockall munlockall vhangup modify_ldt pivot_root _sysctl prctl arch_prctl adjtimex setrlimit chroot
    162 sync acct settimeofday mount umount2 swapon swapoff reboot sethostname setdomainname iopl ioperm
    174 create_module init_module delete_module get_kernel_syms query_module quotactl nfsservctl getpmsg
    182 putpmsg afs_syscall tuxcall security gettid readahead setxattr lsetxattr fsetxattr getxattr
    192 lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr tkill time
    202 futex sched_setaffinity sched_getaffinity set_thread_area io_setup io_destroy io_getevents io_submit
    210 io_cancel get_thread_area lookup_dcookie epoll_create epoll_ctl_old epoll_wait_old remap_file_pages
    217 getdents64 set_tid_address restart_syscall semtimedop fadvise64 timer_create timer_settime
    224 timer_gettime timer_getoverrun timer_delete clock_settime clock_gettime clock_getres clock_nanosleep
    231 exit_group epoll_wait epoll_ctl tgkill utimes vserver mbind set_mempolicy get_mempolicy mq_open
    241 mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr kexec_load waitid add_key request_key
    250 keyctl ioprio_set ioprio_get inotify_init inotify_add_watch inotify_rm_watch migrate_pages openat
    258 mkdirat mknodat fchownat futimesat newfstatat unlinkat renameat linkat symlinkat readlinkat fchmodat
    269 faccessat pselect6 ppoll unshare set_robust_list get_robust_list splice tee sync_file_range vmsplice
    279 move_pages utimensat epoll_pwait signalfd timerfd_create eventfd fallocate timerfd_settime
    287 timerfd_gettime accept4 signalfd4 eventfd2 epoll_create1 dup3 pipe2 inotify_init1 preadv pwritev
    297 rt_tgsigqueueinfo perf_event_open recvmmsg fanotify_init fanotify_mark prlimit64 name_to_handle_at
    304 open_by_handle_at clock_adjtime syncfs sendmmsg setns getcpu process_vm_readv process_vm_writev kcmp
    313 finit_module sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create kexec_file_load
    321 bpf execveat userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc
    331 pkey_free statx io_pgetevents rseq uretprobe uprobe
    `,
    since51,
  );
}

function x32(): Map<string, number> {
  const table = x8664();
  for (const name of [
    ..."uselib _sysctl create_module get_kernel_syms query_module nfsservctl vserver".split(" "),
    ..."set_thread_area get_thread_area epoll_ctl_old epoll_wait_old".split(" "),
  ])
    table.delete(name);
  const own = tableOf(
    `
    512 rt_sigaction rt_sigreturn ioctl readv writev recvfrom sendmsg recvmsg execve ptrace rt_sigpending
    523 rt_sigtimedwait rt_sigqueueinfo sigaltstack timer_create mq_notify kexec_load waitid set_robust_list
    531 get_robust_list vmsplice move_pages preadv pwritev rt_tgsigqueueinfo recvmmsg sendmmsg
    539 process_vm_readv process_vm_writev setsockopt getsockopt io_setup io_submit execveat preadv2
    547 pwritev2
    `,
  );
  for (const [name, number] of own) table.set(name, number);
  return table;
}

function x86(): Map<string, number> {
  return tableOf(
    `
    0 restart_syscall exit fork read write open close waitpid creat link unlink execve chdir time mknod
    15 chmod lchown break oldstat lseek getpid mount umount setuid getuid stime ptrace alarm oldfstat pause
    30 utime stty gtty access nice ftime sync kill rename mkdir rmdir dup pipe times prof brk setgid getgid
    48 signal geteuid getegid acct umount2 lock ioctl fcntl mpx setpgid ulimit oldolduname umask chroot
    62 ustat dup2 getppid getpgrp setsid sigaction sgetmask ssetmask setreuid setregid sigsuspend sigpending
    74 sethostname setrlimit getrlimit getrusage gettimeofday settimeofday getgroups setgroups select
    83 symlink oldlstat readlink uselib swapon reboot readdir mmap munmap truncate ftruncate fchmod fchown
    96 getpriority setpriority profil statfs fstatfs ioperm socketcall syslog setitimer getitimer stat lstat
    108 fstat olduname iopl vhangup idle vm86old wait4 swapoff sysinfo ipc fsync sigreturn clone
    121 setdomainname uname modify_ldt adjtimex mprotect sigprocmask create_module init_module delete_module
    130 get_kernel_syms quotactl getpgid fchdir bdflush sysfs personality afs_syscall setfsuid setfsgid
    140 _llseek getdents _newselect flock msync readv writev getsid fdatasync _sysctl mlock munlock mlockall
    153 munlockall sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_yield
    159 sched_get_priority_max sched_get_priority_min sched_rr_get_interval nanosleep mremap setresuid
    165 getresuid vm86 query_module poll nfsservctl setresgid getresgid prctl rt_sigreturn rt_sigaction
    175 rt_sigprocmask rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend pread64 pwrite64 chown
    183 getcwd capget capset sigaltstack sendfile getpmsg putpmsg vfork ugetrlimit mmap2 truncate64
    194 ftruncate64 stat64 lstat64 fstat64 lchown32 getuid32 getgid32 geteuid32 getegid32 setreuid32
    204 setregid32 getgroups32 setgroups32 fchown32 setresuid32 getresuid32 setresgid32 getresgid32 chown32
    213 setuid32 setgid32 setfsuid32 setfsgid32 pivot_root mincore madvise getdents64 fcntl64 224 gettid
    225 readahead setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
    235 removexattr lremovexattr fremovexattr tkill sendfile64 futex sched_setaffinity sched_getaffinity
    243 set_thread_area get_thread_area io_setup io_destroy io_getevents io_submit io_cancel fadvise64
    252 exit_group lookup_dcookie epoll_create epoll_ctl epoll_wait remap_file_pages set_tid_address
    259 timer_create timer_settime timer_gettime timer_getoverrun timer_delete clock_settime clock_gettime
    266 clock_getres clock_nanosleep statfs64 fstatfs64 tgkill utimes fadvise64_64 vserver mbind
    275 get_mempolicy set_mempolicy mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
    283 kexec_load waitid 286 add_key request_key keyctl ioprio_set ioprio_get inotify_init
    292 inotify_add_watch inotify_rm_watch migrate_pages openat mkdirat mknodat fchownat futimesat fstatat64
    301 unlinkat renameat linkat symlinkat readlinkat fchmodat faccessat pselect6 ppoll unshare
    311 set_robust_list get_robust_list splice sync_file_range tee vmsplice move_pages getcpu epoll_pwait
    320 utimensat signalfd timerfd_create eventfd fallocate timerfd_settime timerfd_gettime signalfd4
    328 eventfd2 epoll_create1 dup3 pipe2 inotify_init1 preadv pwritev rt_tgsigqueueinfo perf_event_open
    337 recvmmsg fanotify_init fanotify_mark prlimit64 name_to_handle_at open_by_handle_at clock_adjtime
    344 syncfs sendmmsg setns process_vm_readv process_vm_writev kcmp finit_module sched_setattr
    352 sched_getattr renameat2 seccomp getrandom memfd_create bpf execveat socket socketpair bind connect
    363 listen accept4 getsockopt setsockopt getsockname getpeername sendto sendmsg recvfrom recvmsg
    373 shutdown userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc
    382 pkey_free statx arch_prctl io_pgetevents rseq 393 semget semctl shmget shmctl shmat shmdt msgget
    400 msgsnd msgrcv msgctl
    `,
    time64,
    since51,
  );
}

function aarch64(): Map<string, number> {
  return tableOf(
    `
    0 io_setup io_destroy io_submit io_cancel io_getevents setxattr lsetxattr fsetxattr getxattr lgetxattr
    10 fgetxattr listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr getcwd lookup_dcookie
    19 eventfd2 epoll_create1 epoll_ctl epoll_pwait dup dup3 fcntl inotify_init1 inotify_add_watch
    28 inotify_rm_watch ioctl ioprio_set ioprio_get flock mknodat mkdirat unlinkat symlinkat linkat renameat
    39 umount2 mount pivot_root nfsservctl statfs fstatfs truncate ftruncate fallocate faccessat chdir
    50 fchdir chroot fchmod fchmodat fchownat fchown openat close vhangup pipe2 quotactl getdents64 lseek
    63 read write readv writev pread64 pwrite64 preadv pwritev sendfile pselect6 ppoll signalfd4 vmsplice
    76 splice tee readlinkat newfstatat fstat sync fsync fdatasync sync_file_range timerfd_create
    86 timerfd_settime timerfd_gettime utimensat acct capget capset personality exit exit_group waitid
    96 set_tid_address unshare futex set_robust_list get_robust_list nanosleep getitimer setitimer
    104 kexec_load init_module delete_module timer_create timer_gettime timer_getoverrun timer_settime
    111 timer_delete clock_settime clock_gettime clock_getres clock_nanosleep syslog ptrace sched_setparam
    119 sched_setscheduler sched_getscheduler sched_getparam sched_setaffinity sched_getaffinity sched_yield
    125 sched_get_priority_max sched_get_priority_min sched_rr_get_interval restart_syscall kill tkill
    131 tgkill sigaltstack rt_sigsuspend rt_sigaction rt_sigprocmask rt_sigpending rt_sigtimedwait
    138 rt_sigqueueinfo rt_sigreturn setpriority getpriority reboot setregid setgid setreuid setuid
    147 setresuid getresuid setresgid getresgid setfsuid setfsgid times setpgid getpgid getsid setsid
    158 getgroups setgroups uname sethostname setdomainname getrlimit setrlimit getrusage umask prctl getcpu
    169 gettimeofday settimeofday adjtimex getpid getppid getuid geteuid getgid getegid gettid sysinfo
    180 mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr msgget msgctl msgrcv msgsnd
    190 semget semctl semtimedop semop shmget shmctl shmat shmdt socket socketpair bind listen accept
    203 connect getsockname getpeername sendto recvfrom setsockopt getsockopt shutdown sendmsg recvmsg
    213 readahead brk munmap mremap add_key request_key keyctl clone execve mmap fadvise64 swapon swapoff
    226 mprotect msync mlock munlock mlockall munlockall mincore madvise remap_file_pages mbind
    236 get_mempolicy set_mempolicy migrate_pages move_pages rt_tgsigqueueinfo perf_event_open accept4
    243 recvmmsg 260 wait4 prlimit64 fanotify_init fanotify_mark name_to_handle_at open_by_handle_at
    266 clock_adjtime syncfs setns sendmmsg process_vm_readv process_vm_writev kcmp finit_module
    274 sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create bpf execveat userfaultfd
    283 membarrier mlock2 copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc pkey_free statx
    292 io_pgetevents rseq kexec_file_load
    `,
    since51,
  );
}

function arm(): Map<string, number> {
  const table = tableOf(
    `
    0 restart_syscall exit fork read write open close 8 creat link unlink execve chdir 14 mknod chmod lchown
    19 lseek getpid mount 23 setuid getuid 26 ptrace 29 pause 33 access nice 36 sync kill rename mkdir rmdir
    41 dup pipe times 45 brk setgid getgid 49 geteuid getegid acct umount2 54 ioctl fcntl 57 setpgid
    60 umask chroot ustat dup2 getppid getpgrp setsid sigaction 70 setreuid setregid sigsuspend sigpending
    74 sethostname setrlimit 77 getrusage gettimeofday settimeofday getgroups setgroups 83 symlink
    85 readlink uselib swapon reboot 91 munmap truncate ftruncate fchmod fchown getpriority setpriority
    99 statfs fstatfs 103 syslog setitimer getitimer stat lstat fstat 111 vhangup 114 wait4 swapoff sysinfo
    118 fsync sigreturn clone setdomainname uname 124 adjtimex mprotect sigprocmask 128 init_module
    129 delete_module 131 quotactl getpgid fchdir bdflush sysfs personality 138 setfsuid setfsgid _llseek
    141 getdents _newselect flock msync readv writev getsid fdatasync _sysctl mlock munlock mlockall
    153 munlockall sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_yield
    159 sched_get_priority_max sched_get_priority_min sched_rr_get_interval nanosleep mremap setresuid
    165 getresuid 168 poll nfsservctl setresgid getresgid prctl rt_sigreturn rt_sigaction rt_sigprocmask
    176 rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_sigsuspend pread64 pwrite64 chown getcwd capget
    185 capset sigaltstack sendfile 190 vfork ugetrlimit mmap2 truncate64 ftruncate64 stat64 lstat64 fstat64
    198 lchown32 getuid32 getgid32 geteuid32 getegid32 setreuid32 setregid32 getgroups32 setgroups32
    207 fchown32 setresuid32 getresuid32 setresgid32 getresgid32 chown32 setuid32 setgid32 setfsuid32
    216 setfsgid32 getdents64 pivot_root mincore madvise fcntl64 224 gettid readahead setxattr lsetxattr
    228 fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr lremovexattr
    237 fremovexattr tkill sendfile64 futex sched_setaffinity sched_getaffinity io_setup io_destroy
    245 io_getevents io_submit io_cancel exit_group lookup_dcookie epoll_create epoll_ctl epoll_wait
    253 remap_file_pages 256 set_tid_address timer_create timer_settime timer_gettime timer_getoverrun
    261 timer_delete clock_settime clock_gettime clock_getres clock_nanosleep statfs64 fstatfs64 tgkill
    269 utimes arm_fadvise64_64 pciconfig_iobase pciconfig_read pciconfig_write mq_open mq_unlink
    276 mq_timedsend mq_timedreceive mq_notify mq_getsetattr waitid socket bind connect listen accept
    286 getsockname getpeername socketpair send sendto recv recvfrom shutdown setsockopt getsockopt sendmsg
    297 recvmsg semop semget semctl msgsnd msgrcv msgget msgctl shmat shmdt shmget shmctl add_key
    310 request_key keyctl semtimedop vserver ioprio_set ioprio_get inotify_init inotify_add_watch
    318 inotify_rm_watch mbind get_mempolicy set_mempolicy openat mkdirat mknodat fchownat futimesat
    327 fstatat64 unlinkat renameat linkat symlinkat readlinkat fchmodat faccessat pselect6 ppoll unshare
    338 set_robust_list get_robust_list splice arm_sync_file_range tee vmsplice move_pages getcpu
    346 epoll_pwait kexec_load utimensat signalfd timerfd_create eventfd fallocate timerfd_settime
    354 timerfd_gettime signalfd4 eventfd2 epoll_create1 dup3 pipe2 inotify_init1 preadv pwritev
    363 rt_tgsigqueueinfo perf_event_open recvmmsg accept4 fanotify_init fanotify_mark prlimit64
    370 name_to_handle_at open_by_handle_at clock_adjtime syncfs sendmmsg setns process_vm_readv
    377 process_vm_writev kcmp finit_module sched_setattr sched_getattr renameat2 seccomp getrandom
    385 memfd_create bpf execveat userfaultfd membarrier mlock2 copy_file_range preadv2 pwritev2
    394 pkey_mprotect pkey_alloc pkey_free statx rseq io_pgetevents migrate_pages kexec_file_load
    `,
    time64,
    since51,
    `983041 breakpoint cacheflush usr26 usr32 set_tls get_tls`,
  );
  table.delete("memfd_secret");
  return table;
}
