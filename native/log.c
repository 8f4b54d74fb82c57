#include "log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct log_options log_to;
static int log_fd = -1;
static long log_size;
// A record that did not fit ends in the middle; the next one begins on a line of its own.
static bool is_cut;
// A record can grow sixfold by escaping; what is here is written out whenever the next record might not fit.
#define LOG_ATTRS_MAX (64 * 1024)
static char out[LOG_LINE_MAX * 6 + 256 + 128 * 1024];
static size_t out_used;
static char stamp[64];
static size_t stamp_length;
static size_t attrs_length;
// The number of the file that the daemon is sending, -1 when there is no such thing; rotations move it.
static int reader_number = -1;
// Of the file that is being compressed; rotations move that too.
static int compress_number;
static pid_t compressor;

static void open_file(void) {
  log_fd = open(log_to.path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  struct stat info;
  if (log_to.is_cri && log_fd >= 0) fchmod(log_fd, 0640); // who collects logs of pods need not be root
  log_size = log_fd >= 0 && fstat(log_fd, &info) == 0 ? (long)info.st_size : 0;
  char last = '\n';
  is_cut = log_size > 0 && pread(log_fd, &last, 1, log_size - 1) == 1 && last != '\n';
}

// `path`, `path.1`, …; the compressed ones end with `.gz`.
static const char *name_of(int number, const char *suffix) {
  static char names[4][4200];
  static int next;
  char *name = names[next++ & 3];
  if (number == 0) snprintf(name, sizeof names[0], "%s%s", log_to.path, suffix);
  else snprintf(name, sizeof names[0], "%s.%d%s", log_to.path, number, suffix);
  return name;
}

static const char *draft_name(void) { return name_of(0, ".gz.tmp"); }

void log_open(const struct log_options *options) {
  log_to = *options;
  if (!log_to.path) return;
  if (log_to.attrs) attrs_length = strlen(log_to.attrs);
  if (attrs_length > LOG_ATTRS_MAX) attrs_length = 0;
  open_file();
  if (log_to.compresses) unlink(draft_name());
  if (!log_to.ships) return;
  // Until the daemon says where it is, it may be anywhere.
  reader_number = 0;
  while (reader_number < log_to.max_files - 1 && access(name_of(reader_number + 1, ""), F_OK) == 0) reader_number++;
}

// An empty gzip member in front of the real one says which file this was, so that a reader of that one knows it again:
// extra field GN, inode and time of the last write in nanoseconds, little endian.
static bool write_gzip_head(int from, int to) {
  struct stat info;
  if (fstat(from, &info) < 0) return false;
  unsigned char head[42] = {0x1f, 0x8b, 8, 4, [9] = 3, [10] = 20, [12] = 'G', 'N', 16, [32] = 3};
  uint64_t inode = info.st_ino, written = (uint64_t)info.st_mtim.tv_sec * 1000000000u + (uint64_t)info.st_mtim.tv_nsec;
  memcpy(head + 16, &inode, 8);
  memcpy(head + 24, &written, 8);
  return write(to, head, sizeof head) == sizeof head;
}

static void run_compressor(int from, int to) {
  sigset_t none;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (nice(10) < 0 || !write_gzip_head(from, to) || dup2(from, 0) < 0 || dup2(to, 1) < 0) _exit(1);
  execl("/usr/bin/gzip", "gzip", "-c", NULL);
  execl("/bin/gzip", "gzip", "-c", NULL);
  _exit(1);
}

// One at a time, the newest first: it lives the longest. Not what the daemon has yet to send.
static void start_compressor(void) {
  if (!log_to.compresses || compressor > 0) return;
  int number = reader_number + 1 > 1 ? reader_number + 1 : 1;
  while (number < log_to.max_files && access(name_of(number, ""), F_OK) < 0) number++;
  if (number >= log_to.max_files) return;
  int from = open(name_of(number, ""), O_RDONLY | O_CLOEXEC);
  int to = open(draft_name(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  compressor = from < 0 || to < 0 ? -1 : fork();
  if (compressor == 0) run_compressor(from, to);
  if (compressor > 0) compress_number = number;
  if (from >= 0) close(from);
  if (to >= 0) close(to);
}

bool log_child_ended(int pid, int status) {
  if (pid != compressor) return false;
  compressor = 0;
  bool is_whole = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  // Without gzip, or without room for its output, files stay as they are.
  if (!is_whole) log_to.compresses = false;
  if (is_whole && compress_number < log_to.max_files && rename(draft_name(), name_of(compress_number, ".gz")) == 0)
    unlink(name_of(compress_number, ""));
  else unlink(draft_name());
  start_compressor();
  return true;
}

void log_at(unsigned long long inode) {
  struct stat info;
  if (reader_number < 0) return;
  for (int number = 0; number < log_to.max_files; number++) {
    if (stat(name_of(number, ""), &info) < 0 || info.st_ino != inode) continue;
    reader_number = number;
    break;
  }
  start_compressor();
}

static bool is_full(void) { return log_to.max_bytes > 0 && log_size + (long)out_used >= log_to.max_bytes; }

static bool would_drop_unsent(void) { return log_to.holds && reader_number >= log_to.max_files - 1; }

bool log_is_held(void) { return log_fd >= 0 && is_full() && would_drop_unsent(); }

static void rotate(void) {
  close(log_fd);
  for (int i = log_to.max_files - 1; i > 0; i--) {
    if (rename(name_of(i - 1, ""), name_of(i, "")) < 0) unlink(name_of(i, ""));
    if (log_to.compresses && (i == 1 || rename(name_of(i - 1, ".gz"), name_of(i, ".gz")) < 0)) unlink(name_of(i, ".gz"));
  }
  // Not truncated: whoever follows the file still reads it to its end.
  if (log_to.max_files <= 1) unlink(log_to.path);
  open_file();
  if (reader_number >= 0 && reader_number < log_to.max_files - 1) reader_number++;
  if (compressor > 0) compress_number++;
  start_compressor();
}

static void flush(void) {
  if (out_used == 0) return;
  size_t done = 0;
  if (is_cut && write(log_fd, "\n", 1) == 1) is_cut = false, log_size++;
  while (!is_cut && done < out_used) {
    ssize_t n = write(log_fd, out + done, out_used - done);
    if (n <= 0) break;
    done += (size_t)n;
  }
  log_size += (long)done;
  if (done > 0 && done < out_used) is_cut = out[done - 1] != '\n';
  out_used = 0;
}

// How many bytes of valid UTF-8 start here; 0 when it is not.
static size_t rune_length(const unsigned char *at, size_t left) {
  unsigned char c = at[0];
  size_t length = c >= 0xf0 && c <= 0xf4 ? 4 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xc2 && c < 0xe0 ? 2 : 0;
  if (length == 0 || length > left) return 0;
  for (size_t i = 1; i < length; i++)
    if ((at[i] & 0xc0) != 0x80) return 0;
  if (c == 0xe0 && at[1] < 0xa0) return 0;
  if (c == 0xed && at[1] > 0x9f) return 0; // surrogates
  if (c == 0xf0 && at[1] < 0x90) return 0;
  if (c == 0xf4 && at[1] > 0x8f) return 0;
  return length;
}

static const unsigned char is_plain[256] = {
    [0x20 ... 0x21] = 1, [0x23 ... 0x25] = 1, [0x27 ... 0x3b] = 1, ['='] = 1,
    ['?' ... '['] = 1,   [']' ... 0x7f] = 1,
};

static void put(const char *text, size_t length) {
  memcpy(out + out_used, text, length);
  out_used += length;
}

static void put_special(unsigned char c) {
  char code[8];
  switch (c) {
    case '\n': put("\\n", 2); return;
    case '\r': put("\\r", 2); return;
    case '\t': put("\\t", 2); return;
    case '"': put("\\\"", 2); return;
    case '\\': put("\\\\", 2); return;
    default: put(code, (size_t)snprintf(code, sizeof code, "\\u%04x", c)); return;
  }
}

static void put_escaped(const char *bytes, size_t length) {
  const unsigned char *at = (const unsigned char *)bytes, *end = at + length;
  while (at < end) {
    const unsigned char *run = at;
    while (at < end && is_plain[*at]) at++;
    put((const char *)run, (size_t)(at - run));
    if (at == end) return;
    if (*at < 0x80) {
      put_special(*at++);
      continue;
    }
    size_t rune = rune_length(at, (size_t)(end - at));
    if (rune == 0) {
      put("\\ufffd", 6);
      at++;
    } else if (rune == 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] | 1) == 0xa9) {
      put(at[2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
      at += 3;
    } else {
      put((const char *)at, rune);
      at += rune;
    }
  }
}

// "2006-01-02T15:04:05.000000000Z stdout F text", with P for a part of a line: it goes on in the next record, or never gets its end.
static void put_text_record(const char *name, const char *bytes, size_t length) {
  bool is_whole = length > 0 && bytes[length - 1] == '\n';
  if (out_used + length + 64 > sizeof out) flush();
  put(stamp, stamp_length);
  put(" ", 1);
  put(name, 6);
  put(is_whole ? " F " : " P ", 3);
  put(bytes, is_whole ? length - 1 : length);
  put("\n", 1);
}

static void put_record(const char *name, const char *bytes, size_t length) {
  if (log_to.is_cri) return put_text_record(name, bytes, length);
  bool is_end = is_full() && !would_drop_unsent();
  if (is_end || out_used + length * 6 + 256 + attrs_length > sizeof out) flush();
  if (is_end) rotate();
  put("{\"log\":\"", 8);
  put_escaped(bytes, length);
  put("\",\"stream\":\"", 12);
  put(name, 6);
  if (attrs_length) {
    put("\",\"attrs\":", 10);
    put(log_to.attrs, attrs_length);
    put(",\"time\":\"", 9);
  } else put("\",\"time\":\"", 10);
  put(stamp, stamp_length);
  put("\"}\n", 3);
}

static void take_stamp(void) {
  struct timespec now;
  struct tm parts;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &parts);
  stamp_length = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &parts);
  // Always nine digits: a reader finds every field at a known place.
  stamp_length += (size_t)snprintf(stamp + stamp_length, 16, ".%09ld", now.tv_nsec);
  stamp[stamp_length++] = 'Z';
}

static void hold(struct log_stream *stream, const char *bytes, size_t length) {
  if (length == 0) return;
  if (!stream->line && !(stream->line = malloc(LOG_LINE_MAX))) return;
  memcpy(stream->line + stream->held, bytes, length);
  stream->held += length;
}

void log_write(struct log_stream *stream, const char *bytes, size_t length) {
  if (log_fd < 0 && log_to.path) open_file(); // there was no room for a new one when the last was full
  if (log_fd < 0) return;
  take_stamp();
  const char *end = bytes + length;
  while (bytes < end) {
    const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
    const char *stop = newline ? newline + 1 : end;
    size_t room = LOG_LINE_MAX - stream->held, text = (size_t)(stop - bytes);
    if (text - (newline != NULL) > room) {
      text = room; // too long: a record without a newline, the rest follows
      newline = NULL;
      for (int back = 0; back < 3 && text > 1 && (bytes[text] & 0xc0) == 0x80; back++) text--; // not inside a character
    } else if (!newline && text < room) {
      hold(stream, bytes, text);
      break;
    }
    if (stream->held == 0) {
      put_record(stream->name, bytes, text);
    } else {
      static char joined[LOG_LINE_MAX + 1]; // the newline may be the one byte beyond a full line
      memcpy(joined, stream->line, stream->held);
      memcpy(joined + stream->held, bytes, text);
      put_record(stream->name, joined, stream->held + text);
      stream->held = 0;
    }
    bytes += text;
  }
  flush();
}

void log_finish(struct log_stream *stream) {
  if (stream->held == 0 || log_fd < 0) return;
  take_stamp();
  put_record(stream->name, stream->line, stream->held);
  stream->held = 0;
  flush();
}

void log_reopen(void) {
  if (!log_to.path) return;
  if (log_fd >= 0) close(log_fd);
  open_file();
}

void log_sync(void) {
  if (compressor > 0 && kill(compressor, SIGKILL) == 0) unlink(draft_name());
  if (log_fd >= 0) fdatasync(log_fd);
}
