// The json-file log of one container. @see docs/formats/log.md
#ifndef GANTRY_LOG_H
#define GANTRY_LOG_H

#include <stdbool.h>
#include <stddef.h>

#define LOG_LINE_MAX (16 * 1024) // longer lines become several records, as Docker's

struct log_options {
  const char *path; // NULL: nothing is kept
  long max_bytes;   // 0: never rotated
  int max_files;
};

struct log_stream {
  const char *name; // "stdout" or "stderr"
  size_t held;      // bytes of an unfinished line in `line`
  char *line;       // LOG_LINE_MAX, made when first needed
};

void log_open(const struct log_options *options);
// Takes what the container wrote. Never fails: what the disk refuses is dropped, the container goes on.
void log_write(struct log_stream *stream, const char *bytes, size_t length);
// The stream has ended: an unfinished line is written as it is.
void log_finish(struct log_stream *stream);
void log_sync(void);

#endif
