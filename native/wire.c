#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool fields_split(char *payload, size_t length, struct fields *out) {
  out->count = 0;
  if (length == 0 || payload[length - 1] != 0) return false;
  for (char *at = payload; at < payload + length; at += strlen(at) + 1) {
    if (out->count == FIELDS_MAX) return false;
    out->field[out->count++] = at;
  }
  return true;
}

size_t frame_build(char **frame, const char *first, ...) {
  static char buffer[8192];
  size_t used = 4;
  va_list rest;
  va_start(rest, first);
  for (const char *text = first; text; text = va_arg(rest, const char *)) {
    size_t room = sizeof buffer - used - 1, length = strnlen(text, room);
    memcpy(buffer + used, text, length);
    used += length;
    buffer[used++] = 0;
    if (used >= sizeof buffer - 1) break; // only a runtime's error text can be that long: cut it
  }
  va_end(rest);
  uint32_t payload = (uint32_t)(used - 4);
  memcpy(buffer, &payload, 4);
  *frame = buffer;
  return used;
}

bool write_all(int fd, const void *bytes, size_t length) {
  const char *at = bytes;
  while (length) {
    ssize_t n = write(fd, at, length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    length -= (size_t)n;
  }
  return true;
}

bool read_all(int fd, void *bytes, size_t length) {
  char *at = bytes;
  while (length) {
    ssize_t n = read(fd, at, length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    length -= (size_t)n;
  }
  return true;
}

const char *text_of(long number) {
  static char buffers[8][24];
  static int next;
  char *buffer = buffers[next++ & 7];
  snprintf(buffer, sizeof buffers[0], "%ld", number);
  return buffer;
}

void fail(const char *what) {
  dprintf(2, "%s: %s\n", what, strerror(errno));
  exit(1);
}
