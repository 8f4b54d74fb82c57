#include "userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

// A child that lives in new namespaces until the pipe is closed. Those that have an owner belong to that user namespace.
static pid_t hold_namespaces(int owner, int flags, int *hold) {
  int ready[2], until[2];
  if (pipe2(ready, O_CLOEXEC) < 0) return -1;
  if (pipe2(until, O_CLOEXEC) < 0) {
    close(ready[0]), close(ready[1]);
    return -1;
  }
  pid_t child = fork();
  if (child == 0) {
    char byte;
    close(until[1]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int error = (owner >= 0 && setns(owner, CLONE_NEWUSER) < 0) || unshare(flags) < 0 ? errno : 0;
    if (write(ready[1], &error, sizeof error) == sizeof error && !error && read(until[0], &byte, 1) < 0) _exit(1);
    _exit(0);
  }
  int error = errno;
  close(ready[1]);
  close(until[0]);
  if (child > 0 && read(ready[0], &error, sizeof error) != (ssize_t)sizeof error) error = ECHILD;
  close(ready[0]);
  *hold = until[1];
  if (child > 0 && !error) return child;
  close(until[1]);
  errno = error;
  return -1;
}

static int open_namespace(pid_t pid, const char *kind) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, kind);
  return open(path, O_RDONLY | O_CLOEXEC);
}

static bool write_map(pid_t pid, const char *file, const char *base, const char *size) {
  char path[64], map[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  int length = snprintf(map, sizeof map, "0 %s %s", base, size), fd = open(path, O_WRONLY | O_CLOEXEC);
  bool is_written = fd >= 0 && write(fd, map, (size_t)length) == length;
  int error = errno;
  if (fd >= 0) close(fd);
  errno = error;
  return is_written;
}

int create_userns(const char *base, const char *size) {
  int hold, userns = -1;
  pid_t child = hold_namespaces(-1, CLONE_NEWUSER, &hold);
  if (child < 0) return -errno;
  if (write_map(child, "uid_map", base, size) && write_map(child, "gid_map", base, size))
    userns = open_namespace(child, "user");
  int error = errno;
  close(hold);
  return userns < 0 ? -error : userns;
}

int enter_new_network(int owner) {
  int hold = -1, netns = -1;
  if (owner < 0) {
    if (unshare(CLONE_NEWNET) < 0) return -errno;
    netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    return netns < 0 ? -errno : netns;
  }
  pid_t child = hold_namespaces(owner, CLONE_NEWNET, &hold);
  if (child < 0) return -errno;
  netns = open_namespace(child, "net");
  int error = netns < 0 || setns(netns, CLONE_NEWNET) < 0 ? errno : 0;
  close(hold);
  if (!error) return netns;
  if (netns >= 0) close(netns);
  return -error;
}
