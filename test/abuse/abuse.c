// One program for both sides of the abuse suite. What misbehaves:
//   forks | memory | descriptors | connections ADDRESS
// and what measures how its neighbour feels, in ROUNDS of waiting, writing a file and opening a connection to a server of its own:
//   probe ROUNDS
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void forks(void) {
  for (;;)
    if (fork() < 0) usleep(10000); // as many as may be are there; they try on
}

static void memory(void) {
  for (;;) {
    if (fork() == 0)
      for (;;) memset(malloc(1 << 20), 1, 1 << 20);
    wait(NULL); // killed for it; once more
  }
}

static void descriptors(void) {
  for (;;)
    if (open("/dev/null", O_RDONLY) < 0) usleep(1000);
}

// Each datagram to another port is another connection for the host to remember.
static void connections(const char *address) {
  struct sockaddr_in to = {.sin_family = AF_INET};
  inet_pton(AF_INET, address, &to.sin_addr);
  for (;;) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    for (int port = 1; port < 65536; port++) {
      to.sin_port = htons(port);
      sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to);
    }
    close(fd);
  }
}

static long now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

static int by_size(const void *a, const void *b) { return *(const long *)a < *(const long *)b ? -1 : 1; }

static pid_t serve(struct sockaddr_in *at) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  socklen_t size = sizeof *at;
  bind(listener, (struct sockaddr *)at, size);
  listen(listener, 128);
  getsockname(listener, (struct sockaddr *)at, &size);
  pid_t child = fork();
  if (child == 0)
    for (;;) close(accept(listener, NULL, NULL));
  close(listener);
  return child;
}

static void probe(int rounds) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  static char block[4096];
  long *took = calloc(rounds, sizeof *took);
  pid_t server = serve(&at);
  for (int i = 0; i < rounds; i++) {
    long begin = now();
    usleep(1000);
    int file = open("/tmp/probe", O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (file < 0 || write(file, block, sizeof block) < 0) exit(1);
    close(file);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0) exit(1);
    char byte;
    while (read(fd, &byte, 1) > 0) {}
    close(fd);
    took[i] = now() - begin;
  }
  qsort(took, rounds, sizeof *took, by_size);
  printf("%ld %ld\n", took[rounds / 2], took[rounds * 99 / 100]);
  fflush(stdout);
  kill(server, SIGKILL);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "forks") == 0) forks();
  if (strcmp(what, "memory") == 0) memory();
  if (strcmp(what, "descriptors") == 0) descriptors();
  if (strcmp(what, "connections") == 0 && argc > 2) connections(argv[2]);
  if (strcmp(what, "probe") == 0 && argc > 2) probe(atoi(argv[2]));
  return 2;
}
