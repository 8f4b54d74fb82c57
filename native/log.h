// The log of one container, in Docker's json-file format or in that of the CRI. @see docs/formats/log.md
#ifndef GANTRY_LOG_H
#define GANTRY_LOG_H

#include <stdbool.h>
#include <stddef.h>

#define LOG_LINE_MAX (16 * 1024) // longer lines become several records, as Docker's

struct log_options {
  const char *path; // NULL: nothing is kept
  long max_bytes;   // 0: never rotated
  int max_files;
  bool compresses;   // rotated files, by gzip
  bool ships;        // the daemon sends the records on and says where it is
  bool holds;        // nothing that was not sent is dropped: the container waits instead
  const char *attrs; // NULL, or a JSON object that every record has
  bool is_cri;       // lines of text as Kubernetes has them, and no JSON
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
// The daemon has sent everything before the file with this inode.
void log_at(unsigned long long inode);
// Somebody has renamed the file: what follows goes into a new one of the name.
void log_reopen(void);
// The next file would push out one that was not sent yet: leave what the container writes in its pipes.
bool log_is_held(void);
// True when the process was the log's own: the compressor of a rotated file.
bool log_child_ended(int pid, int status);
void log_sync(void);

#endif
