// Datagrams for pods of tests. "udp serve PORT NAME" answers each with its name; "udp ask ADDRESS PORT" says what was answered within
// a second.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int is_server = strcmp(argv[1], "serve") == 0, fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[is_server ? 2 : 3]))};
  char bytes[512];
  if (is_server) {
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0) return 1;
    for (;;) {
      socklen_t size = sizeof at;
      if (recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&at, &size) < 0) return 1;
      sendto(fd, argv[3], strlen(argv[3]), 0, (struct sockaddr *)&at, size);
    }
  }
  struct timeval limit = {.tv_sec = 1};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  inet_pton(AF_INET, argv[2], &at.sin_addr);
  if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0 || send(fd, "?", 1, 0) < 0) return 1;
  long length = recv(fd, bytes, sizeof bytes, 0);
  if (length < 0) return 1;
  printf("%.*s\n", (int)length, bytes);
  return 0;
}
