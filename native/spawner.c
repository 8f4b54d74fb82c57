// The spawner: one child of the daemon that answers requests on its stdin, one after the other, and dies with it.
// It holds network namespaces and bound ports as file descriptors, so that whatever no container took is gone with it,
// and starts shims, because a fork of this small process costs a tenth of one of the daemon.
#include "wire.h"

#include "netlink.h"
#include "userns.h"

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
#include <sys/file.h>
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

static bool write_setting(const char *path, const char *value) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false; // a kernel without IPv6
  bool is_written = write(fd, value, 1) == 1;
  close(fd);
  return is_written;
}

// Interfaces have IPv6 only where their network does: those made from now on in this namespace get no link-local addresses.
static void disable_ipv6(void) {
  write_setting("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
  write_setting("/proc/sys/net/ipv6/conf/default/accept_ra", "0"); // a neighbour is no router (CVE-2020-10749)
}

static void enable_ipv6(const char *name) {
  char path[96];
  snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
  write_setting(path, "0");
}

static void go_home(void) {
  if (setns(host_netns, CLONE_NEWNET) < 0) fail("setns back to the host"); // never go on in the wrong one
}

// kind master host-name name mac mtu address prefix-length gateway address6 prefix-length6 gateway6
#define NIC_FIELDS 12
static struct nic nic_of(char **field) {
  return (struct nic){
      .kind = field[0],
      .master = field[1],
      .host_name = field[2],
      .name = field[3],
      .mac = field[4],
      .mtu = atoi(field[5]),
      .address = field[6],
      .prefix_length = atoi(field[7]),
      .gateway = field[8],
      .address6 = field[9],
      .prefix_length6 = atoi(field[10]),
      .gateway6 = field[11],
  };
}

// Leaves nothing of the interface when it fails. `inner` is a socket of the namespace.
static int add_nic(const struct nic *nic, int netns, int inner, const char **what) {
  *what = nic->kind;
  int error = -nic_create(host_netlink, nic, netns);
  if (error) return error;
  if (*nic->address6) {
    if (setns(netns, CLONE_NEWNET) < 0) return errno;
    enable_ipv6(nic->name);
    go_home();
  }
  *what = "address";
  error = -nic_configure(inner, nic);
  if (error) link_delete(inner, nic->name);
  return error;
}

// userns base size → fd of a new user namespace in which `size` IDs of the host's from `base` on are 0 and the following
static void make_userns(const char *seq, struct fields *f) {
  int userns = f->count == 4 ? create_userns(f->field[2], f->field[3]) : -EINVAL;
  if (userns < 0) refuse(seq, "user namespace", -userns);
  else answer(seq, "ok", text_of(userns), NULL);
}

// sandbox [interface…] → fd of a new network namespace
// sandbox-of userns [interface…] → one that belongs to the user namespace, a descriptor of ours or a path
static void make_sandbox(const char *seq, struct fields *f, int owner) {
  const char *what = "unshare";
  int error = 0, inner = -1, netns = enter_new_network(owner);
  if (netns < 0) {
    go_home();
    refuse(seq, what, -netns);
    return;
  }
  inner = netlink_open();
  if (netns < 0 || inner < 0) error = errno;
  if (!error) disable_ipv6();
  go_home();
  if (!error) what = "lo", error = -link_up(inner, "lo");
  if (!error && f->count == 2 + NIC_FIELDS) {
    struct nic nic = nic_of(f->field + 2);
    error = add_nic(&nic, netns, inner, &what);
  }
  if (inner >= 0) close(inner);
  if (error && netns >= 0) close(netns);
  if (error) refuse(seq, what, error);
  else answer(seq, "ok", text_of(netns), NULL);
}

// A namespace is named by a descriptor of ours or by a path. Returns a descriptor to close, with a socket of the namespace.
static int enter(const char *name, int *inner) {
  int netns = *name == '/' ? open(name, O_RDONLY | O_CLOEXEC) : fcntl(atoi(name), F_DUPFD_CLOEXEC, 15);
  if (netns < 0) return -errno;
  if (setns(netns, CLONE_NEWNET) == 0) {
    *inner = netlink_open();
    go_home();
    if (*inner >= 0) return netns;
  }
  int error = errno;
  close(netns);
  return -error;
}

// A setting of an interface inside, by its path below /proc/sys/net/.
static int write_inner(int netns, const char *key, const char *value) {
  char path[256];
  int error = 0;
  if (strstr(key, "..") || snprintf(path, sizeof path, "/proc/sys/net/%s", key) >= (int)sizeof path) return EINVAL;
  if (setns(netns, CLONE_NEWNET) < 0) return errno;
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  ssize_t size = (ssize_t)strlen(value);
  if (fd < 0 || write(fd, value, (size_t)size) != size) error = errno;
  go_home();
  if (fd >= 0) close(fd);
  return error;
}

// attach netns interface…; detach netns name; route netns gateway gateway6; setting netns key value; address netns name address prefix
static void change_sandbox(const char *seq, const char *op, struct fields *f) {
  int inner = -1, error = 0, netns = f->count > 3 ? enter(f->field[2], &inner) : -EINVAL;
  const char *what = op;
  if (netns < 0) {
    refuse(seq, op, -netns);
    return;
  }
  if (strcmp(op, "attach") == 0 && f->count == 3 + NIC_FIELDS) {
    struct nic nic = nic_of(f->field + 3);
    error = add_nic(&nic, netns, inner, &what);
  } else if (strcmp(op, "detach") == 0 && f->count == 4) {
    error = -link_delete(inner, f->field[3]);
  } else if (strcmp(op, "route") == 0 && f->count == 5) {
    error = -route_default(inner, AF_INET, f->field[3]);
    if (!error) error = -route_default(inner, AF_INET6, f->field[4]);
  } else if (strcmp(op, "setting") == 0 && f->count == 5) {
    what = f->field[3];
    error = write_inner(netns, f->field[3], f->field[4]);
  } else if (strcmp(op, "address") == 0 && f->count == 6) {
    error = -address_add(inner, f->field[3], f->field[4], atoi(f->field[5]));
  } else {
    error = EINVAL;
  }
  close(inner);
  close(netns);
  if (error) refuse(seq, what, error);
  else answer(seq, "ok", "", NULL);
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

// forget address port
static void forget_flows(const char *seq, struct fields *f) {
  const char *address = f->field[2];
  int error = flows_forget(strchr(address, ':') ? AF_INET6 : AF_INET, address, atoi(f->field[3]));
  if (!error && !*address) error = flows_forget(AF_INET6, address, atoi(f->field[3]));
  if (error) refuse(seq, "conntrack", -error);
  else answer(seq, "ok", "", NULL);
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
// pod, the same for what holds a pod's namespaces
static void start_shim(const char *seq, const char *role, struct fields *f) {
  static char *argv[FIELDS_MAX + 2];
  int handles = f->count > 3 ? atoi(f->field[3]) : -1;
  if (handles < 0 || f->count < 4 + handles) {
    refuse(seq, role, EINVAL);
    return;
  }
  int listener = listen_on(f->field[2]), n = 0;
  if (listener < 0) {
    refuse(seq, f->field[2], -listener);
    return;
  }
  argv[n++] = "gantry-shim";
  argv[n++] = (char *)role;
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
  else if (strcmp(op, "attach") == 0 || strcmp(op, "detach") == 0 || strcmp(op, "route") == 0 || strcmp(op, "setting") == 0 || strcmp(op, "address") == 0) change_sandbox(seq, op, f);
  else if (strcmp(op, "bind") == 0) bind_port(seq, f);
  else if (strcmp(op, "forget") == 0 && f->count == 4) forget_flows(seq, f);
  else if (strcmp(op, "shim") == 0 || strcmp(op, "pod") == 0) start_shim(seq, op, f);
  else if (strcmp(op, "alone") == 0) answer(seq, "ok", "", NULL);
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

// Holds the folder until it ends; waits for an earlier one that has been killed and is still at work inside the kernel.
static void own_folder(const char *path) {
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) fail(path);
  while (flock(folder, LOCK_EX) < 0)
    if (errno != EINTR) fail(path);
}

// spawner PATH-OF-THE-RUNTIME FOLDER-OF-THE-ENGINE
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
  own_folder(argc > 2 ? argv[2] : "");
  seal_runtime(argv[1]);
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
