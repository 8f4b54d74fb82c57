#include "pod-forward.h"

#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CHUNK (64 * 1024)

static int connect_loopback(int family, int port) {
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  if (fd < 0) return -1;
  const struct sockaddr *address = family == AF_INET ? (void *)&four : (void *)&six;
  if (connect(fd, address, family == AF_INET ? sizeof four : sizeof six) == 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
  }
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

struct way {
  int from, to;
  bool is_over;
};

// What was read is written at once: neither side is read from while the other does not take it.
static void carry(struct way *way) {
  static char bytes[CHUNK];
  ssize_t n = read(way->from, bytes, sizeof bytes);
  if (n < 0 && errno == EINTR) return;
  if (n > 0 && write_all(way->to, bytes, (size_t)n)) return;
  if (n > 0) shutdown(way->from, SHUT_RD); // nobody takes it
  way->is_over = true;
  shutdown(way->to, SHUT_WR);
}

static void carry_all(int from, int to) {
  struct way way = {from, to, false};
  while (!way.is_over) carry(&way);
}

void forward_port(int client, int port) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  struct timeval forever = {0};
  setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof forever);
  int server = connect_loopback(AF_INET, port);
  if (server < 0) {
    int error = errno;
    server = connect_loopback(AF_INET6, port);
    if (server < 0) errno = error;
  }
  char *frame;
  size_t size = server < 0 ? frame_build(&frame, "failed", strerror(errno), NULL) : frame_build(&frame, "ok", NULL);
  if (!write_all(client, frame, size) || server < 0) _exit(1);
  // One process a direction, so that a side that does not read holds up only what is for it.
  pid_t parent = getpid(), other = fork();
  if (other < 0) _exit(1);
  if (other > 0) {
    carry_all(server, client);
    _exit(0);
  }
  carry_all(client, server);
  // A client that is gone, and not only done, wants no answer either.
  struct pollfd gone = {client, 0, 0};
  poll(&gone, 1, -1);
  if (getppid() == parent) kill(parent, SIGKILL);
  _exit(0);
}
