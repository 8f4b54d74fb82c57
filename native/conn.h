// Connections of the daemon to a shim, non-blocking, with what could not be written yet kept aside.
#ifndef GANTRY_CONN_H
#define GANTRY_CONN_H

#include <stdbool.h>
#include <stddef.h>

enum conn_role { CONN_NEW, CONN_CONTROL, CONN_STREAM };

struct process;

struct conn {
  struct conn *next;
  int fd; // -1: closed, to be freed
  enum conn_role role;
  struct process *process; // CONN_STREAM: whose streams these are
  bool wants_stdin, wants_stdout, wants_stderr;
  bool is_read_done;          // the peer has sent all it will
  bool closes_when_flushed;
  char *pending;              // not written yet
  size_t pending_size;
  char *input;                // a frame that has not come whole
  size_t input_size;
};

extern struct conn *conns;

struct conn *conn_add(int fd);
void conn_send(struct conn *conn, const void *head, size_t head_size, const void *bytes, size_t size);
void conn_flush(struct conn *conn);
void conn_close(struct conn *conn);
void conn_finish(struct conn *conn); // closes once everything is written
void conns_sweep(void);              // frees closed ones
// Tells every control connection.
void conns_tell(const void *frame, size_t size);

#endif
