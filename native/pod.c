// The pod: one small process that holds what the containers of a pod share - the namespaces of network, IPC, host name and, where
// they share it, of processes - and the host's ports that are theirs. Outlives the daemon. It has an empty root, so that it pins
// nothing of the host's, with the pod's /dev/shm in it.
//
//   connection's first frame        what follows
//   control                         ← ready INIT-PID or failed TEXT; then go, end →
//   forward PORT                    ← ok or failed TEXT; then raw: what a connection to the port on the pod's loopback carries
#include "wire.h"

#include "pod-forward.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define LISTENER 3
#define CONTROLS_MAX 16
#define LONELY_MS 10000 // nobody came to say "go": the daemon is dead
#define SHM_OPTIONS "mode=1777,size=65536k"

static const char *socket_path, *hostname, *failure;
static int netns = -1, userns = -1;
static bool has_ipc, has_uts, has_pids, is_settled;
static pid_t init_pid;
static int controls[CONTROLS_MAX], control_count;
static char failure_text[512];

static void give_up(const char *what) {
  if (failure) return;
  snprintf(failure_text, sizeof failure_text, "%s: %s", what, strerror(errno));
  failure = failure_text;
}

static void parse(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    char *value = strchr(argv[i], '=');
    if (!value) continue;
    *value++ = 0;
    const char *key = argv[i];
    if (strcmp(key, "socket") == 0) socket_path = value;
    else if (strcmp(key, "hostname") == 0) hostname = value, has_uts = true;
    else if (strcmp(key, "ipc") == 0) has_ipc = atoi(value);
    else if (strcmp(key, "pids") == 0) has_pids = atoi(value);
    else if (strcmp(key, "netns") == 0) netns = atoi(value);
    else if (strcmp(key, "userns") == 0) userns = atoi(value);
    else if (strcmp(key, "hold") == 0) fcntl(atoi(value), F_SETFD, FD_CLOEXEC);
    value[-1] = '=';
  }
}

static void enter_namespaces(void) {
  if (userns >= 0) {
    if (setns(userns, CLONE_NEWUSER) < 0) return give_up("user namespace");
    if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0) return give_up("root of the user namespace");
    close(userns);
  }
  if (netns >= 0) {
    if (setns(netns, CLONE_NEWNET) < 0) return give_up("network namespace");
    close(netns);
  }
  int flags = CLONE_NEWNS | (has_ipc ? CLONE_NEWIPC : 0) | (has_uts ? CLONE_NEWUTS : 0);
  if (unshare(flags) < 0) return give_up("namespaces");
  if (has_uts && sethostname(hostname, strlen(hostname)) < 0) give_up("host name");
}

// sysctl=kernel.shm_rmid_forced=1: of the namespaces that this process is in now.
static void write_sysctls(int argc, char **argv) {
  for (int i = 1; i < argc && !failure; i++) {
    char path[512];
    if (strncmp(argv[i], "sysctl=", 7) != 0) continue;
    char *key = argv[i] + 7, *value = strchr(key, '=');
    if (!value) continue;
    snprintf(path, sizeof path, "/proc/sys/%.*s", (int)(value - key), key);
    for (char *at = path + 10; *at; at++)
      if (*at == '.') *at = '/';
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t size = (ssize_t)strlen(++value);
    if (fd < 0 || write(fd, value, (size_t)size) != size) give_up(key);
    if (fd >= 0) close(fd);
  }
}

static void enter_empty_root(void) {
  if (mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0) return give_up("mount propagation");
  if (mount("tmpfs", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755,size=64k") < 0) return give_up("root");
  if (mkdir("/proc/dev", 0755) < 0 || mkdir("/proc/dev/shm", 0755) < 0) return give_up("root");
  if (has_ipc && mount("shm", "/proc/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, SHM_OPTIONS) < 0)
    return give_up("/dev/shm");
  if (chdir("/proc") < 0 || syscall(SYS_pivot_root, ".", ".") < 0) return give_up("pivot_root");
  if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) return give_up("the host's root");
}

// Pid 1 of a pod whose containers see each other's processes: takes in those that nobody waits for.
static void be_init(void) {
  sigset_t all;
  sigfillset(&all);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "pause");
  sigprocmask(SIG_SETMASK, &all, NULL);
  close_range(0, ~0U, 0);
  for (;;) {
    while (waitpid(-1, NULL, WNOHANG) > 0) {}
    sigwaitinfo(&all, NULL);
  }
}

static void start_init(void) {
  if (unshare(CLONE_NEWPID) < 0) return give_up("pid namespace");
  init_pid = fork();
  if (init_pid < 0) return give_up("fork");
  if (init_pid == 0) be_init();
}

static void greet_control(int fd) {
  char *frame;
  if (failure) {
    size_t told = frame_build(&frame, "failed", failure, NULL);
    write_all(fd, frame, told);
    exit(1);
  }
  size_t size = frame_build(&frame, "ready", text_of(init_pid), NULL);
  if (control_count == CONTROLS_MAX || !write_all(fd, frame, size)) {
    close(fd);
    return;
  }
  controls[control_count++] = fd;
}

// The daemon sends a frame in one piece; whoever does not is nobody.
static bool read_frame(int fd, struct fields *f) {
  static char payload[1024];
  uint32_t size;
  if (!read_all(fd, &size, 4) || size == 0 || size > sizeof payload) return false;
  return read_all(fd, payload, size) && fields_split(payload, size, f);
}

static void accept_one(void) {
  static struct fields f;
  int fd = accept4(LISTENER, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0) return;
  struct timeval patience = {.tv_sec = 5};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (!read_frame(fd, &f)) close(fd);
  else if (strcmp(f.field[0], "control") == 0) greet_control(fd);
  else {
    pid_t pid = strcmp(f.field[0], "forward") == 0 && f.count == 2 ? fork() : -1;
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      forward_port(fd, atoi(f.field[1]));
    }
    close(fd);
  }
}

// False when the pod is to end.
static bool serve_control(int at) {
  static struct fields f;
  if (read_frame(controls[at], &f)) {
    if (strcmp(f.field[0], "end") == 0) return false;
    if (strcmp(f.field[0], "go") == 0) is_settled = true;
    return true;
  }
  close(controls[at]);
  controls[at] = controls[--control_count];
  return is_settled || control_count > 0;
}

// False when the pod's pid 1 is gone, and with it every process in there.
static bool reap(int children) {
  struct signalfd_siginfo info;
  bool is_whole = true;
  while (read(children, &info, sizeof info) > 0) {}
  for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;)
    if (pid == init_pid) is_whole = false;
  return is_whole;
}

static void loop(int children) {
  for (;;) {
    struct pollfd polled[CONTROLS_MAX + 2] = {{LISTENER, POLLIN, 0}, {children, POLLIN, 0}};
    for (int i = 0; i < control_count; i++) polled[i + 2] = (struct pollfd){controls[i], POLLIN, 0};
    int count = control_count;
    bool is_lonely = !is_settled && count == 0;
    if (poll(polled, (nfds_t)count + 2, is_lonely ? LONELY_MS : -1) == 0 && is_lonely) return;
    if (polled[1].revents && !reap(children)) return;
    for (int i = count - 1; i >= 0; i--)
      if (polled[i + 2].revents && !serve_control(i)) return;
    if (polled[0].revents) accept_one();
  }
}

// pod key=value…; see docs/formats/shim-protocol.md
int pod_main(int argc, char **argv) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, NULL);
  signal(SIGPIPE, SIG_IGN);
  umask(022);
  prctl(PR_SET_NAME, "gantry-pod");
  fcntl(LISTENER, F_SETFD, FD_CLOEXEC);
  close(RUNTIME_FD);
  parse(argc, argv);
  int socket_folder = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  enter_namespaces();
  write_sysctls(argc, argv);
  if (!failure) enter_empty_root();
  if (!failure && has_pids) start_init();
  loop(children);
  if (init_pid > 0) kill(init_pid, SIGKILL);
  if (socket_path) unlinkat(socket_folder, socket_path + 1, 0);
  return 0;
}
