#include "conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct conn *conns;

struct conn *conn_add(int fd) {
  struct conn *conn = calloc(1, sizeof *conn);
  if (!conn) {
    close(fd);
    return NULL;
  }
  conn->fd = fd;
  conn->next = conns;
  conns = conn;
  return conn;
}

void conn_close(struct conn *conn) {
  if (conn->fd >= 0) close(conn->fd);
  conn->fd = -1;
  free(conn->pending);
  conn->pending = NULL;
  conn->pending_size = 0;
}

static void keep(struct conn *conn, const char *bytes, size_t size) {
  if (size == 0) return;
  char *grown = realloc(conn->pending, conn->pending_size + size);
  if (!grown) {
    conn_close(conn);
    return;
  }
  memcpy(grown + conn->pending_size, bytes, size);
  conn->pending = grown;
  conn->pending_size += size;
}

void conn_send(struct conn *conn, const void *head, size_t head_size, const void *bytes, size_t size) {
  if (conn->fd < 0) return;
  size_t done = 0;
  if (conn->pending_size == 0) {
    struct iovec parts[2] = {{(void *)head, head_size}, {(void *)bytes, size}};
    ssize_t n = writev(conn->fd, parts, 2);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      conn_close(conn);
      return;
    }
    done = n > 0 ? (size_t)n : 0;
  }
  if (done < head_size) {
    keep(conn, (const char *)head + done, head_size - done);
    done = head_size;
  }
  if (conn->fd >= 0) keep(conn, (const char *)bytes + (done - head_size), size - (done - head_size));
}

void conn_flush(struct conn *conn) {
  if (conn->fd >= 0 && conn->pending_size) {
    ssize_t n = write(conn->fd, conn->pending, conn->pending_size);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      conn_close(conn);
      return;
    }
    if (n > 0) {
      conn->pending_size -= (size_t)n;
      memmove(conn->pending, conn->pending + n, conn->pending_size);
    }
    if (conn->pending_size == 0) {
      free(conn->pending);
      conn->pending = NULL;
    }
  }
  if (conn->fd >= 0 && conn->closes_when_flushed && conn->pending_size == 0) conn_close(conn);
}

void conn_finish(struct conn *conn) {
  conn->closes_when_flushed = true;
  conn->process = NULL;
  conn_flush(conn);
}

void conns_sweep(void) {
  for (struct conn **at = &conns; *at;) {
    struct conn *conn = *at;
    if (conn->fd >= 0) {
      at = &conn->next;
      continue;
    }
    *at = conn->next;
    free(conn->input);
    free(conn);
  }
}

void conns_tell(const void *frame, size_t size) {
  for (struct conn *conn = conns; conn; conn = conn->next)
    if (conn->role == CONN_CONTROL) conn_send(conn, frame, size, NULL, 0);
}
