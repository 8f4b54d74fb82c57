// The spawner: one child of the daemon that answers requests on its stdin, one after the other, and dies with it.
// It holds network namespaces and bound ports as file descriptors, so that whatever no container took is gone with it,
// and starts shims, because a fork of this small process costs a tenth of one of the daemon.
#include "wire.h"

#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef IPPROTO_SCTP
#define IPPROTO_SCTP 132
#endif

static int host_netns, host_netlink;

static void answer(const char *seq, const char *status, const char *first, const char *second) {
  char *frame;
  size_t size = second ? frame_build(&frame, seq, status, first, second, NULL)
                       : frame_build(&frame, seq, status, first, NULL);
  if (!write_all(1, frame, size)) exit(0);
}

static void refuse(const char *seq, const char *what, int error) {
  answer(seq, "error", text_of(error), what);
}

// Containers have IPv4 addresses only: interfaces made from now on in this namespace get no link-local ones of IPv6.
static void disable_ipv6(void) {
  int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return; // a kernel without IPv6
  if (write(fd, "1", 1) != 1) perror("disable_ipv6");
  close(fd);
}

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

// userns base size → fd of a new user namespace in which `size` IDs of the host's from `base` on are 0 and the following
static void make_userns(const char *seq, struct fields *f) {
  int hold, userns = -1;
  pid_t child = f->count == 4 ? hold_namespaces(-1, CLONE_NEWUSER, &hold) : (errno = EINVAL, -1);
  if (child < 0) {
    refuse(seq, "user namespace", errno);
    return;
  }
  if (write_map(child, "uid_map", f->field[2], f->field[3]) && write_map(child, "gid_map", f->field[2], f->field[3]))
    userns = open_namespace(child, "user");
  int error = errno;
  close(hold);
  if (userns < 0) refuse(seq, "user namespace", error);
  else answer(seq, "ok", text_of(userns), NULL);
}

// Enters a new network namespace, which may be that of a user namespace. Errors are negative.
static int enter_new_network(int owner) {
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

// sandbox [bridge host-name name address prefix-length gateway mac mtu] → fd of a new network namespace
// sandbox-of userns [the same] → one that belongs to the user namespace, a descriptor of ours or a path
static void make_sandbox(const char *seq, struct fields *f, int owner) {
  const char *what = "unshare";
  int error = 0, inner = -1, netns = enter_new_network(owner);
  if (netns < 0) {
    if (setns(host_netns, CLONE_NEWNET) < 0) fail("setns back to the host");
    refuse(seq, what, -netns);
    return;
  }
  inner = netlink_open();
  if (netns < 0 || inner < 0) error = errno;
  if (!error) disable_ipv6();
  if (setns(host_netns, CLONE_NEWNET) < 0) fail("setns back to the host"); // never go on in the wrong one
  if (!error) what = "lo", error = -link_up(inner, "lo");
  if (!error && f->count == 10) {
    struct veth veth = {
        .bridge = f->field[2],
        .host_name = f->field[3],
        .name = f->field[4],
        .address = f->field[5],
        .prefix_length = atoi(f->field[6]),
        .gateway = f->field[7],
        .mac = f->field[8],
        .mtu = atoi(f->field[9]),
    };
    what = "veth";
    error = -veth_create(host_netlink, &veth, netns);
    if (!error) what = "address", error = -veth_configure(inner, &veth);
  }
  if (inner >= 0) close(inner);
  if (error && netns >= 0) close(netns);
  if (error) refuse(seq, what, error);
  else answer(seq, "ok", text_of(netns), NULL);
}

static int try_bind(int family, const char *protocol, const char *address, int port, bool is_shared) {
  bool is_udp = strcmp(protocol, "udp") == 0, is_four = family == AF_INET;
  int number = strcmp(protocol, "sctp") == 0 ? IPPROTO_SCTP : 0, on = 1, off = 0, error = 0;
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(family, address, is_four ? (void *)&four.sin_addr : (void *)&six.sin6_addr) != 1) return -EINVAL;
  int fd = socket(family, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, number);
  if (fd < 0) return -errno;
  if (!is_four && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) error = errno;
  if (is_shared) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr *where = is_four ? (void *)&four : (void *)&six;
  if (!error && bind(fd, where, is_four ? sizeof four : sizeof six) < 0) error = errno;
  // Who binds with SO_REUSEADDR learns of listeners only by listening. Back to not listening: the port refuses, and stays ours.
  if (!error && is_shared && (listen(fd, 0) < 0 || shutdown(fd, SHUT_RD) < 0)) error = errno;
  if (is_shared) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof off);
  if (!error) return fd;
  close(fd);
  return -error;
}

static int bind_socket(int family, const char *protocol, const char *address, int port) {
  int fd = try_bind(family, protocol, address, port, false);
  // It may be taken only by connections in TIME_WAIT of a server that is gone.
  if (fd != -EADDRINUSE || strcmp(protocol, "tcp") != 0) return fd;
  return try_bind(family, protocol, address, port, true);
}

// bind protocol address port → fd port
static void bind_port(const char *seq, struct fields *f) {
  if (f->count != 5) {
    refuse(seq, "bind", EINVAL);
    return;
  }
  int fd = bind_socket(strchr(f->field[3], ':') ? AF_INET6 : AF_INET, f->field[2], f->field[3], atoi(f->field[4]));
  if (fd < 0) {
    refuse(seq, "bind", -fd);
    return;
  }
  struct sockaddr_in6 bound = {0};
  socklen_t size = sizeof bound;
  getsockname(fd, (struct sockaddr *)&bound, &size); // the port is at the same place in both families
  answer(seq, "ok", text_of(fd), text_of(ntohs(bound.sin6_port)));
}

static int listen_on(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return -errno;
  unlink(path);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 64) == 0) return fd;
  int error = errno;
  close(fd);
  return -error;
}

static void become_shim(int listener, char **argv, int handles, char **handle) {
  setsid();
  signal(SIGCHLD, SIG_DFL);
  prctl(PR_SET_PDEATHSIG, 0);
  if (listener != 3) dup3(listener, 3, 0);
  int null = open("/dev/null", O_RDWR);
  dup2(null, 0);
  dup2(null, 1);
  for (int i = 0; i < handles; i++) fcntl(atoi(handle[i]), F_SETFD, 0);
  execv("/proc/self/exe", argv);
  _exit(127);
}

// shim socket-path number-of-handles handle… argument… → pid
static void start_shim(const char *seq, struct fields *f) {
  static char *argv[FIELDS_MAX + 2];
  int handles = f->count > 3 ? atoi(f->field[3]) : -1;
  if (handles < 0 || f->count < 4 + handles) {
    refuse(seq, "shim", EINVAL);
    return;
  }
  int listener = listen_on(f->field[2]), n = 0;
  if (listener < 0) {
    refuse(seq, f->field[2], -listener);
    return;
  }
  argv[n++] = "gantry-shim";
  argv[n++] = "shim";
  for (int i = 4 + handles; i < f->count; i++) argv[n++] = f->field[i];
  argv[n] = NULL;
  pid_t pid = fork();
  if (pid == 0) become_shim(listener, argv, handles, f->field + 4);
  int error = errno;
  close(listener);
  if (pid < 0) {
    unlink(f->field[2]);
    refuse(seq, "fork", error);
    return;
  }
  for (int i = 0; i < handles; i++) close(atoi(f->field[4 + i]));
  answer(seq, "ok", text_of(pid), NULL);
}

static void serve(struct fields *f) {
  const char *seq = f->field[0], *op = f->field[1];
  if (strcmp(op, "sandbox") == 0) make_sandbox(seq, f, -1);
  else if (strcmp(op, "sandbox-of") == 0 && f->count > 2) {
    const char *owner = f->field[2];
    int fd = *owner == '/' ? open(owner, O_RDONLY | O_CLOEXEC) : fcntl(atoi(owner), F_DUPFD_CLOEXEC, 15), error = errno;
    memmove(f->field + 2, f->field + 3, sizeof *f->field * (size_t)(f->count-- - 3));
    if (fd < 0) refuse(seq, "user namespace", error);
    else make_sandbox(seq, f, fd), close(fd);
  } else if (strcmp(op, "userns") == 0) make_userns(seq, f);
  else if (strcmp(op, "bind") == 0) bind_port(seq, f);
  else if (strcmp(op, "shim") == 0) start_shim(seq, f);
  else if (strcmp(op, "close") == 0 && f->count == 3) {
    if (close(atoi(f->field[2])) < 0) refuse(seq, "close", errno);
    else answer(seq, "ok", "", NULL);
  } else refuse(seq, op, ENOSYS);
}

static void seal_runtime(const char *path) {
  int file = open(path, O_RDONLY | O_CLOEXEC), copy = memfd_create("runtime", MFD_ALLOW_SEALING | MFD_CLOEXEC);
  if (file < 0 || copy < 0) fail(path);
  ssize_t n;
  while ((n = sendfile(copy, file, NULL, 1 << 24)) > 0) {}
  if (n < 0 || fchmod(copy, 0500) < 0) fail(path);
  if (fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) fail(path);
  if (dup2(copy, RUNTIME_FD) < 0) fail(path); // without close-on-exec: shims inherit it
  close(copy);
  close(file);
}

// spawner PATH-OF-THE-RUNTIME
int spawner_main(int argc, char **argv) {
  static char payload[FRAME_MAX];
  static struct fields f;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "gantry-spawner");
  signal(SIGCHLD, SIG_IGN); // shims that die while we live need no waiting for
  signal(SIGPIPE, SIG_IGN);
  umask(077);
  // Low numbers would be taken for stdio, 3 and 10 have a meaning in the shim: keep everything of ours out of the way.
  for (int fd = open("/dev/null", O_RDONLY | O_CLOEXEC); fd >= 0 && fd < 15;) fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  seal_runtime(argc > 1 ? argv[1] : "");
  host_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  host_netlink = netlink_open();
  if (host_netns < 0 || host_netlink < 0) fail("spawner");
  for (uint32_t size; read_all(0, &size, 4);) {
    if (size == 0 || size > sizeof payload || !read_all(0, payload, size)) break;
    if (!fields_split(payload, size, &f) || f.count < 2) break;
    serve(&f);
  }
  return 0;
}
