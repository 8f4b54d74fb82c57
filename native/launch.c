#include "launch.h"

#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *log_path;

// What goes wrong before the runtime runs is told where its own errors are.
static void give_up(const char *what) {
  int error = errno, fd = open(log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  dprintf(fd, "%s: %s\n", what, strerror(error));
  _exit(126);
}

static void use_stdio(const int stdio[3]) {
  for (int i = 0; i < 3; i++)
    if (dup2(stdio[i], i) < 0) give_up("stdio");
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  umask(022);
}

// crun refuses a tree with v1 controllers, or a v2 mount that has some beside them: in this process's own mount namespace
// it sees plain cgroup2. The real hierarchies stay reachable below `base` for binds into the container. In a hybrid tree the
// v2 mount that is there is bound: mounting it once more waits for an RCU grace period, 10 ms, in newer kernels.
static void cover_cgroups(const char *base) {
  char unified[4200];
  if (mount("/sys/fs/cgroup", base, NULL, MS_BIND | MS_REC, NULL) < 0) give_up("bind of the cgroup hierarchies");
  snprintf(unified, sizeof unified, "%s/unified", base);
  if (mount(unified, "/sys/fs/cgroup", NULL, MS_BIND, NULL) == 0) return;
  if (mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) give_up("mount of cgroup2");
}

static void join_cgroups(const struct launch_options *options) {
  for (int i = 0; i < options->cgroups; i++) {
    int fd = open(options->cgroup[i], O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1) give_up(options->cgroup[i]);
    close(fd);
  }
}

// An image whose /dev, /proc or /sys is a link would lead the runtime's mounts and device nodes out of the root.
static void refuse_links(void) {
  static const char *const targets[] = {"rootfs/dev", "rootfs/proc", "rootfs/sys"};
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
    struct stat info;
    if (lstat(targets[i], &info) == 0 && !S_ISDIR(info.st_mode)) {
      errno = ENOTDIR;
      give_up(targets[i]);
    }
  }
}

static void enter_mounts(const struct launch_options *options) {
  if (unshare(CLONE_NEWNS) < 0) give_up("unshare of the mount namespace");
  if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0) give_up("mount propagation");
  if (options->cgroup_base) cover_cgroups(options->cgroup_base);
}

static void mount_root(const struct launch_options *options) {
  int bundle = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  char target[64];
  snprintf(target, sizeof target, "/proc/self/fd/%d/rootfs", bundle);
  if (bundle < 0 || chdir(options->layers) < 0) give_up(options->layers);
  if (mount("overlay", target, "overlay", 0, options->overlay) < 0) give_up("mount of the root file system");
  if (fchdir(bundle) < 0) give_up("bundle");
  close(bundle);
  refuse_links();
}

// Go programs close what they inherit: the network namespace has to have a path, which is gone with this mount namespace.
static void bind_netns(int netns) {
  char source[32];
  int fd = open("netns", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
  snprintf(source, sizeof source, "/proc/self/fd/%d", netns);
  if (fd < 0 || mount(source, "netns", NULL, MS_BIND, NULL) < 0) give_up("bind of the network namespace");
  close(fd);
}

// Sysctls of a network are other files in every namespace: they are covered as whoever is in that one sees them.
static void hide(const char *folder, int netns) {
  int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (own < 0 || setns(netns, CLONE_NEWNET) < 0) give_up("setns");
  if (mount("tmpfs", folder, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) give_up(folder);
  if (setns(own, CLONE_NEWNET) < 0) give_up("setns back to the host");
  close(own);
}

static void become_runtime(const struct launch_options *options, const char **argv) {
  if (options->runtime) execv(options->runtime, (char **)argv);
  else execveat(RUNTIME_FD, "", (char **)argv, environ, AT_EMPTY_PATH);
  give_up(options->runtime ? options->runtime : "OCI runtime");
}

static const char **common_arguments(const struct launch_options *options, const char *log, const char **argv) {
  *argv++ = options->runtime ? options->runtime : "crun";
  *argv++ = "--root";
  *argv++ = options->state;
  *argv++ = "--log";
  *argv++ = log;
  if (options->runtime && options->runtime_flag) *argv++ = options->runtime_flag;
  if (!options->runtime && options->cgroup_base) *argv++ = "--cgroup-manager=disabled";
  return argv;
}

pid_t launch_container(const struct launch_options *options, const int stdio[3], const char *pid_file, const char *log,
                       const char *console) {
  pid_t pid = fork();
  if (pid) return pid;
  log_path = log;
  join_cgroups(options); // while their files are where their paths say
  enter_mounts(options);
  mount_root(options);
  use_stdio(stdio);
  if (options->hidden && options->netns >= 0) hide(options->hidden, options->netns);
  if (options->netns >= 0 && options->runtime) bind_netns(options->netns);
  else if (options->netns >= 0 && dup2(options->netns, NETNS_FD) < 0) give_up("network namespace");
  const char *argv[24], **next = common_arguments(options, log, argv);
  *next++ = "run";
  *next++ = "--detach";
  *next++ = "--bundle";
  *next++ = ".";
  *next++ = "--pid-file";
  *next++ = pid_file;
  if (console) {
    *next++ = "--console-socket";
    *next++ = console;
  }
  *next++ = options->id;
  *next = NULL;
  become_runtime(options, argv);
  return -1;
}

pid_t launch_exec(const struct launch_options *options, const int stdio[3], const char *pid_file, const char *log,
                  const char *console, const char *process, bool tty) {
  pid_t pid = fork();
  if (pid) return pid;
  log_path = log;
  join_cgroups(options);
  if (options->cgroup_base) enter_mounts(options);
  use_stdio(stdio);
  const char *argv[24], **next = common_arguments(options, log, argv);
  *next++ = "exec";
  *next++ = "--detach";
  *next++ = "--process";
  *next++ = process;
  *next++ = "--pid-file";
  *next++ = pid_file;
  if (tty && !options->runtime) *next++ = "--tty"; // others have it from the process file
  if (console) {
    *next++ = "--console-socket";
    *next++ = console;
  }
  *next++ = options->id;
  *next = NULL;
  become_runtime(options, argv);
  return -1;
}
