// Prints the names of calls that are not refused before they are looked at. None of them does anything: their arguments are wrong.
// As `swap A B` it exchanges two names for one another as fast as the kernel does, and says when it has begun.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *family;

static void tell(const char *name, long result) {
  if (result < 0 && (errno == EPERM || errno == ENOSYS || errno == EACCES)) return;
  printf("%s\n", name);
}

static int swap(const char *a, const char *b) {
  if (renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) < 0) return 1;
  if (nice(19) < 0) return 1; // beside whoever it races
  puts("ready");
  fflush(stdout);
  for (;;) renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "swap") == 0) return swap(argv[2], argv[3]);
  family = argc > 1 ? argv[1] : "";
  if (strcmp(family, "keys") == 0) {
    tell("add_key", syscall(SYS_add_key, NULL, NULL, NULL, 0, 0));
    tell("request_key", syscall(SYS_request_key, NULL, NULL, NULL, 0));
    tell("keyctl", syscall(SYS_keyctl, 0, -3, 0, 0, 0));
  } else if (strcmp(family, "sockets") == 0) {
    tell("AF_ALG", socket(38, SOCK_SEQPACKET, 0));
    tell("AF_VSOCK", socket(40, SOCK_STREAM, 0));
  } else if (strcmp(family, "packet") == 0) {
    tell("AF_PACKET", socket(AF_PACKET, SOCK_RAW, 0));
  } else if (strcmp(family, "calls") == 0) {
    tell("io_uring_setup", syscall(SYS_io_uring_setup, 0, NULL));
    tell("userfaultfd", syscall(SYS_userfaultfd, 0x800000));
    tell("clone3", syscall(SYS_clone3, NULL, 0));
    tell("unshare", syscall(SYS_unshare, 0x10000000));
  } else if (strcmp(family, "handles") == 0) {
    tell("open_by_handle_at", syscall(SYS_open_by_handle_at, -1, NULL, 0));
  }
  return 0;
}
