#include "launch.h"

#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char *log_path;
static int log_folder; // the bundle, wherever this process is

// What goes wrong before the runtime runs is told where its own errors are.
static void give_up(const char *what) {
  int error = errno, fd = openat(log_folder, log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  dprintf(fd, "%s: %s\n", what, strerror(error));
  _exit(126);
}

static void begin(const char *log) {
  log_path = log;
  log_folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
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

// Nothing that is mounted in here may reach the host, but for what the container mounts below the folders it shares with it: copies
// of these from before stay the host's peers, and lie over their places.
static void enter_mounts(const struct launch_options *options) {
  int trees[SHARED_MAX];
  if (unshare(CLONE_NEWNS) < 0) give_up("unshare of the mount namespace");
  for (int i = 0; i < options->shareds; i++) {
    trees[i] = open_tree(AT_FDCWD, options->shared[i], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (trees[i] < 0) give_up(options->shared[i]);
  }
  if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0) give_up("mount propagation");
  for (int i = 0; i < options->shareds; i++) {
    if (move_mount(trees[i], "", AT_FDCWD, options->shared[i], MOVE_MOUNT_F_EMPTY_PATH) < 0) give_up(options->shared[i]);
    close(trees[i]);
  }
  if (options->cgroup_base) cover_cgroups(options->cgroup_base);
}

// The layers as the user namespace sees them: what is root's on disk is its root's, and what it writes is so on disk.
static void map_layers(const struct launch_options *options) {
  struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (__u64)options->userns};
  int tree = open_tree(AT_FDCWD, options->layers, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) give_up(options->layers);
  if (mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
    give_up("user namespaces need idmapped mounts, which the file system of the layers does not support");
  if (move_mount(tree, "", AT_FDCWD, options->layers, MOVE_MOUNT_F_EMPTY_PATH) < 0) give_up("mount of the mapped layers");
  close(tree);
}

// What an overlay makes for itself in mapped layers is made with the IDs of who mounts it, so these have to have a place in the
// map. Changing them takes capabilities away, which are taken back.
static int mount_overlay(const struct launch_options *options, const char *layers, const char *target, unsigned long flags) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct held[2];
  if (options->id_base == 0) return mount("overlay", target, "overlay", flags, layers);
  if (syscall(SYS_capget, &header, held) < 0) return -1;
  setfsgid(options->id_base);
  setfsuid(options->id_base);
  if (syscall(SYS_capset, &header, held) < 0) return -1;
  int result = mount("overlay", target, "overlay", flags, layers), error = errno;
  setfsuid(0);
  setfsgid(0);
  if (syscall(SYS_capset, &header, held) < 0) return -1;
  errno = error;
  return result;
}

// What another container has as /dev/shm: a mount can only be copied in its own namespace, and what is copied belongs to none. The
// container may have put anything into its place, so no link is followed and only a tmpfs taken.
static void take_shm(const struct launch_options *options) {
  int bundle = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  int other = open(options->shm_of, O_RDONLY | O_CLOEXEC);
  if (bundle < 0 || home < 0 || other < 0 || setns(other, CLONE_NEWNS) < 0) give_up("the other container's mount namespace");
  struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
  int shm = (int)syscall(SYS_openat2, AT_FDCWD, "/dev/shm", &how, sizeof how);
  int tree = shm < 0 ? -1 : open_tree(shm, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  struct statfs info;
  bool is_tmpfs = tree >= 0 && fstatfs(tree, &info) == 0 && info.f_type == TMPFS_MAGIC;
  if (setns(home, CLONE_NEWNS) < 0 || fchdir(bundle) < 0) give_up("own mount namespace");
  if (tree >= 0 && !is_tmpfs) errno = EINVAL;
  if (!is_tmpfs || move_mount(tree, "", bundle, "shm", MOVE_MOUNT_F_EMPTY_PATH) < 0) give_up("/dev/shm of the other container");
  close(tree), close(shm), close(other), close(home), close(bundle);
}

// The part is opened once, by a way that no link leads out of, and what was opened is mounted: nobody can exchange it any more.
static void stage_part(int root, const char *subpath, int bundle, const char *name) {
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
  int part = (int)syscall(SYS_openat2, root, subpath, &how, sizeof how);
  struct stat info;
  if (part < 0 || fstat(part, &info) < 0) give_up(subpath);
  int tree = open_tree(part, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
  if (tree < 0) give_up(subpath);
  int made = S_ISDIR(info.st_mode) ? mkdirat(bundle, name, 0700) : mknodat(bundle, name, S_IFREG | 0600, 0);
  if (made < 0 || move_mount(tree, "", bundle, name, MOVE_MOUNT_F_EMPTY_PATH) < 0) give_up(name);
  close(tree);
  close(part);
}

// In the folder of the layers.
static void stage(const struct launch_options *options, int index, int bundle) {
  const struct staged *staged = &options->staged[index];
  char name[16], target[64];
  snprintf(name, sizeof name, "m%d", index);
  snprintf(target, sizeof target, "/proc/self/fd/%d/m%d", bundle, index);
  if (staged->is_image) {
    if (mkdirat(bundle, name, 0700) < 0) give_up(name);
    if (mount_overlay(options, staged->source, target, MS_RDONLY) < 0) give_up("mount of an image");
  }
  if (!staged->subpath) return;
  int root = open(staged->is_image ? target : staged->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) give_up(staged->source);
  *name = 's';
  stage_part(root, staged->subpath, bundle, name);
  close(root);
}

static void mount_root(const struct launch_options *options) {
  int bundle = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  char target[64];
  snprintf(target, sizeof target, "/proc/self/fd/%d/rootfs", bundle);
  if (options->userns >= 0) map_layers(options);
  if (bundle < 0 || chdir(options->layers) < 0) give_up(options->layers);
  if (mount_overlay(options, options->overlay, target, 0) < 0) give_up("mount of the root file system");
  for (int i = 0; i < options->stageds; i++) stage(options, i, bundle);
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
  begin(log);
  join_cgroups(options); // while their files are where their paths say
  enter_mounts(options);
  mount_root(options);
  if (options->shm_of) take_shm(options);
  use_stdio(stdio);
  if (options->hidden && options->netns >= 0) hide(options->hidden, options->netns);
  if (options->netns >= 0 && options->runtime) bind_netns(options->netns);
  else if (options->netns >= 0 && dup2(options->netns, NETNS_FD) < 0) give_up("network namespace");
  if (options->userns >= 0 && dup2(options->userns, USERNS_FD) < 0) give_up("user namespace");
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
  begin(log);
  join_cgroups(options);
  if (options->cgroup_base) enter_mounts(&(struct launch_options){.cgroup_base = options->cgroup_base});
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
