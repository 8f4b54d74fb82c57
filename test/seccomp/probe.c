/*
 * Finds out what a container's seccomp filter answers to each system call, from inside the container.
 *
 *   probe verdicts   what the filter says, without making a single call: each is stopped by a second filter underneath,
 *                    whose notifications this program answers itself. Exact, but needs a filter that allows seccomp(2).
 *   probe calls      what comes of calls that are really made, each by a process of its own with all arguments -1
 *   probe status     the lines about seccomp and capabilities from /proc/self/status
 *   probe wait       nothing, until it is killed
 *
 * Output: "verdict ABI NUMBER ARGUMENT0 OUTCOME" and "call NUMBER OUTCOME", where an outcome is "allowed" or "ok",
 * "errno N", "signal N", "exit N" or "hang", and "skipped" for what would disturb the machine.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CALLS = 480, X32_BIT = 0x40000000, HANG_MS = 300, ALLOWED = -4000, NO_RESULT = -4001, KILLED = -5000 };

enum abi { NATIVE, I386, X32 };
static const char *const abi_names[] = { "native", "x86", "x32" };

struct request {
    enum abi abi;
    long number;
    uint64_t first;
};

static struct request requests[4 * CALLS];
static int request_count;

struct shared {
    volatile int listener;
    volatile int at;
    volatile long results[4 * CALLS];
};

static void die(const char *what)
{
    fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- raw calls ------------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
static long raw_native(long number, uint64_t first, long rest)
{
    long result;
    register long r10 __asm__("r10") = rest;
    register long r8 __asm__("r8") = rest;
    register long r9 __asm__("r9") = rest;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(rest), "d"(rest), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* The i386 door into the kernel, which 64-bit programs can use too. */
static long raw_i386(long number, uint64_t first, long rest)
{
    long result;
    __asm__ volatile("mov %%rbp, %%r12\n\tmov %%rsi, %%rbp\n\tint $0x80\n\tmov %%r12, %%rbp"
                     : "=a"(result)
                     : "a"(number), "b"(first), "c"(rest), "d"(rest), "S"(rest), "D"(rest)
                     : "r8", "r9", "r10", "r11", "r12", "memory");
    return (int32_t)result;
}
#elif defined(__aarch64__)
static long raw_native(long number, uint64_t first, long rest)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = first;
    register long x1 __asm__("x1") = rest;
    register long x2 __asm__("x2") = rest;
    register long x3 __asm__("x3") = rest;
    register long x4 __asm__("x4") = rest;
    register long x5 __asm__("x5") = rest;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}
#endif

static long raw(const struct request *request)
{
#if defined(__x86_64__)
    if (request->abi == I386)
        return raw_i386(request->number, request->first, -1);
    if (request->abi == X32)
        return raw_native(request->number | X32_BIT, request->first, -1);
#endif
    return raw_native(request->number, request->first, -1);
}

/* ---- verdicts -------------------------------------------------------------------------------------------------- */

static void ask(enum abi abi, long number, uint64_t first)
{
    requests[request_count++] = (struct request){ abi, number, first };
}

static void ask_about_all(void)
{
    static const uint64_t families[] = { 0x100000002, 0x100000026, 0x100000028, 0xffffffff00000026, 0xffffffff, UINT64_MAX };
    static const uint64_t personas[] = { 0,       1,        8,         0x20000,   0x20008,    0x40000,
                                         0x80000, 0x400000, 0x8000000, 0xffffffff, 0x100000000, UINT64_MAX };
    static const uint64_t flags[] = { SIGCHLD,       CLONE_NEWNS,     CLONE_NEWCGROUP,        CLONE_NEWUTS,
                                      CLONE_NEWIPC,  CLONE_NEWUSER,   CLONE_NEWPID,           CLONE_NEWNET,
                                      0x80,          CLONE_VM,        CLONE_VM | CLONE_VFORK, CLONE_NEWNS | SIGCHLD,
                                      0x100000011,   0x110000000,     0x7e020000,             0x3d0f00 };
    for (long number = 0; number < CALLS; number++)
        ask(NATIVE, number, UINT64_MAX);
    for (uint64_t family = 0; family <= 45; family++)
        ask(NATIVE, SYS_socket, family);
    for (size_t at = 0; at < sizeof families / sizeof *families; at++)
        ask(NATIVE, SYS_socket, families[at]);
    for (size_t at = 0; at < sizeof personas / sizeof *personas; at++)
        ask(NATIVE, SYS_personality, personas[at]);
    for (size_t at = 0; at < sizeof flags / sizeof *flags; at++)
        ask(NATIVE, SYS_clone, flags[at]);
#if defined(__x86_64__)
    for (long number = 0; number < CALLS; number++)
        ask(I386, number, 0xffffffff);
    for (uint64_t selector = 0; selector <= 24; selector++) {
        ask(I386, 102, selector);
        ask(I386, 117, selector);
    }
    for (long number = 0; number < CALLS + 80; number++)
        ask(X32, number, UINT64_MAX);
#endif
}

/* The kernel asks the strictest filter's opinion: what the container's forbids never gets as far as a notification. */
static int install_listener(void)
{
    struct sock_filter notify = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    struct sock_fprog program = { 1, &notify };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* Makes the requests that are left. Once the listener is there it makes no call of its own, so it ends by a trap. */
static void make_requests(struct shared *shared)
{
    int listener = install_listener();
    if (listener < 0)
        _exit(errno);
    shared->listener = listener;
    while (shared->at < request_count) {
        shared->results[shared->at] = raw(&requests[shared->at]);
        shared->at++;
    }
    __builtin_trap();
}

static void answer(int listener)
{
    struct seccomp_notif notification;
    struct seccomp_notif_resp response;
    memset(&notification, 0, sizeof notification);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0)
        return;
    memset(&response, 0, sizeof response);
    response.id = notification.id;
    response.error = ALLOWED;
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

static void on_child(int signal)
{
    (void)signal;
}

/* Serves the child until it ends; SIGCHLD only gets through while waiting. Returns its wait status. */
static int serve(pid_t child, struct shared *shared)
{
    int status;
    sigset_t none;
    sigemptyset(&none);
    while (waitpid(child, &status, WNOHANG) == 0) {
        int listener = shared->listener;
        struct pollfd watched = { listener, POLLIN, 0 };
        struct timespec soon = { 0, listener < 0 ? 100000 : 100000000 };
        if (ppoll(&watched, listener < 0 ? 0 : 1, &soon, &none) > 0)
            answer(listener);
    }
    return status;
}

static void print_outcome(long result)
{
    if (result <= KILLED)
        printf("signal %ld\n", KILLED - result);
    else if (result == ALLOWED)
        printf("allowed\n");
    else if (result < 0)
        printf("errno %ld\n", -result);
    else
        printf("ok\n");
}

static void verdicts(struct shared *shared)
{
    sigset_t child_signal;
    ask_about_all();
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_signal, NULL);
    signal(SIGCHLD, on_child);
    while (shared->at < request_count) {
        shared->listener = -1;
        /* One table of descriptors, so that the child's listener is this process's too. */
        pid_t child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
        if (child < 0)
            die("clone");
        if (child == 0)
            make_requests(shared);
        int status = serve(child, shared);
        if (shared->listener < 0) {
            errno = WEXITSTATUS(status);
            die("no listener");
        }
        close(shared->listener);
        if (shared->at < request_count)
            shared->results[shared->at++] = KILLED - WTERMSIG(status);
    }
    for (int at = 0; at < request_count; at++) {
        printf("verdict %s %ld %#llx ", abi_names[requests[at].abi], requests[at].number,
               (unsigned long long)requests[at].first);
        print_outcome(shared->results[at]);
    }
}

/* ---- calls ----------------------------------------------------------------------------------------------------- */

/* Fork and its like return twice: only the process that asked reports. */
static void make_call(long number, volatile long *result)
{
    long self = raw_native(SYS_getpid, 0, 0);
    long returned = raw_native(number, UINT64_MAX, -1);
    if (raw_native(SYS_getpid, 0, 0) == self)
        *result = returned;
    raw_native(SYS_exit_group, 0, 0);
}

static int wait_for(pid_t child)
{
    int status;
    sigset_t child_signal;
    struct timespec left = { 0, HANG_MS * 1000000L };
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    while (waitpid(child, &status, WNOHANG) == 0)
        if (sigtimedwait(&child_signal, NULL, &left) < 0 && errno == EAGAIN) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return -1;
        }
    return status;
}

static void print_call(long number, long result, int status)
{
    printf("call %ld ", number);
    if (status == -1)
        printf("hang\n");
    else if (WIFSIGNALED(status))
        printf("signal %d\n", WTERMSIG(status));
    else if (result != NO_RESULT)
        print_outcome(result);
    else
        printf("exit %d\n", WEXITSTATUS(status));
}

static void calls(struct shared *shared)
{
    sigset_t child_signal;
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_signal, NULL);
    for (long number = 0; number < CALLS; number++) {
        if (number == SYS_sync) {
            printf("call %ld skipped\n", number);
            continue;
        }
        fflush(stdout);
        shared->results[0] = NO_RESULT;
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0)
            make_call(number, &shared->results[0]);
        int status = wait_for(child);
        print_call(number, shared->results[0], status);
    }
}

/* ---- main ------------------------------------------------------------------------------------------------------ */

static void status(void)
{
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    if (file == NULL)
        die("/proc/self/status");
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "Seccomp", 7) == 0 || strncmp(line, "Cap", 3) == 0 || strncmp(line, "NoNew", 5) == 0)
            fputs(line, stdout);
    fclose(file);
}

int main(int count, char **arguments)
{
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        die("mmap");
    for (int at = 1; at < count; at++) {
        if (strcmp(arguments[at], "verdicts") == 0)
            verdicts(shared);
        else if (strcmp(arguments[at], "calls") == 0)
            calls(shared);
        else if (strcmp(arguments[at], "status") == 0)
            status();
        else if (strcmp(arguments[at], "wait") == 0)
            for (;;)
                pause();
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
