#include "process.h"

#include "conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK (64 * 1024)
#define PIPE_BYTES (256 * 1024)

struct process *processes;

struct process *process_add(const char *id, const char *name, bool tty, bool has_stdin) {
  struct process *process = calloc(1, sizeof *process);
  if (!process) return NULL;
  process->id = id ? strdup(id) : NULL;
  process->name = strdup(name);
  process->tty = tty;
  process->has_stdin = has_stdin;
  process->stdin_once = id != NULL;
  process->in = process->out = process->err = process->console = -1;
  process->theirs[0] = process->theirs[1] = process->theirs[2] = -1;
  process->logs[0].name = "stdout";
  process->logs[1].name = "stderr";
  process->next = processes;
  processes = process;
  return process;
}

static void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

void process_close_theirs(struct process *process) {
  for (int i = 0; i < 3; i++) close_fd(&process->theirs[i]);
}

void process_close(struct process *process) {
  process_close_theirs(process);
  close_fd(&process->in);
  close_fd(&process->out);
  close_fd(&process->err);
  if (process->console >= 0) unlink(process_file(process, "tty"));
  close_fd(&process->console);
  free(process->pending);
  process->pending = NULL;
  process->pending_size = 0;
}

void process_remove(struct process *process) {
  for (struct process **at = &processes; *at; at = &(*at)->next) {
    if (*at != process) continue;
    *at = process->next;
    break;
  }
  process_close(process);
  free((char *)process->id);
  free(process->name);
  free(process);
}

const char *process_file(const struct process *process, const char *suffix) {
  static char buffers[4][128];
  static int next;
  char *buffer = buffers[next++ & 3];
  snprintf(buffer, sizeof buffers[0], "%s.%s", process->name, suffix);
  return buffer;
}

// Our end does not block; the child's does, as programs expect.
static bool make_pipe(int *ours, int *theirs, bool we_read) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return false;
  *ours = ends[we_read ? 0 : 1];
  *theirs = ends[we_read ? 1 : 0];
  fcntl(*ours, F_SETFL, O_NONBLOCK);
  if (we_read) fcntl(*ours, F_SETPIPE_SZ, PIPE_BYTES);
  return true;
}

static bool open_console(struct process *process) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path, process_file(process, "tty"));
  unlink(address.sun_path);
  process->console = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (process->console < 0) return false;
  if (bind(process->console, (struct sockaddr *)&address, sizeof address) < 0) return false;
  return listen(process->console, 1) == 0;
}

static bool give_to(const struct process *process, uid_t owner) {
  for (int i = process->has_stdin ? 0 : 1; owner && i < 3; i++)
    if (fchown(process->theirs[i], owner, owner) < 0) return false;
  return true;
}

bool process_open(struct process *process, uid_t owner) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return false;
  process->theirs[0] = null;
  if (process->tty) {
    process->theirs[1] = fcntl(null, F_DUPFD_CLOEXEC, 0);
    process->theirs[2] = fcntl(null, F_DUPFD_CLOEXEC, 0);
    return open_console(process);
  }
  if (process->has_stdin) {
    close_fd(&process->theirs[0]);
    if (!make_pipe(&process->in, &process->theirs[0], false)) return false;
  }
  return make_pipe(&process->out, &process->theirs[1], true) && make_pipe(&process->err, &process->theirs[2], true) &&
         give_to(process, owner);
}

void process_take_console(struct process *process) {
  int fd = accept4(process->console, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0) return;
  char name[256], control[CMSG_SPACE(sizeof(int))];
  struct iovec part = {name, sizeof name};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  struct cmsghdr *header = n >= 0 ? CMSG_FIRSTHDR(&message) : NULL;
  if (header && header->cmsg_type == SCM_RIGHTS) memcpy(&process->out, CMSG_DATA(header), sizeof(int));
  if (process->out >= 0) fcntl(process->out, F_SETFL, fcntl(process->out, F_GETFL) | O_NONBLOCK);
  close(fd);
  unlink(process_file(process, "tty"));
  close_fd(&process->console);
}

static bool wants(const struct conn *conn, const struct process *process, int stream) {
  if (conn->role != CONN_STREAM || conn->process != process || conn->fd < 0) return false;
  return stream == 1 ? conn->wants_stdout : conn->wants_stderr;
}

bool process_is_blocked(const struct process *process) {
  for (struct conn *conn = conns; conn; conn = conn->next)
    if (conn->process == process && conn->fd >= 0 && conn->pending_size) return true;
  return false;
}

bool process_pump(struct process *process, int *fd, int stream) {
  static char chunk[CHUNK];
  ssize_t n = read(*fd, chunk, sizeof chunk);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (n <= 0) { // EIO is how a pty says that nobody has its other end open
    close_fd(fd);
    return false;
  }
  if (!process->id) log_write(&process->logs[stream - 1], chunk, (size_t)n);
  uint32_t head[2] = {htonl((uint32_t)stream << 24), htonl((uint32_t)n)};
  for (struct conn *conn = conns; conn; conn = conn->next)
    if (wants(conn, process, stream)) conn_send(conn, head, process->tty ? 0 : sizeof head, chunk, (size_t)n);
  return true;
}

static void end_stdin(struct process *process) {
  process->is_stdin_ended = true;
  if (process->pending_size == 0) close_fd(&process->in);
}

static int stdin_of(const struct process *process) { return process->tty ? process->out : process->in; }

void process_feed(struct process *process, struct conn *conn) {
  static char chunk[CHUNK];
  ssize_t n = read(conn->fd, chunk, sizeof chunk);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    conn->is_read_done = true;
    if (n < 0) conn_close(conn);
    if (conn->wants_stdin && process->stdin_once) end_stdin(process);
    return;
  }
  int fd = stdin_of(process);
  if (!conn->wants_stdin || fd < 0) return; // nobody listens (any more)
  ssize_t done = write(fd, chunk, (size_t)n);
  if (done < 0 && errno != EAGAIN && errno != EINTR) {
    if (!process->tty) close_fd(&process->in);
    return;
  }
  if (done < 0) done = 0;
  if (done == n) return;
  process->pending = malloc((size_t)(n - done));
  if (!process->pending) return;
  process->pending_size = (size_t)(n - done);
  memcpy(process->pending, chunk + done, process->pending_size);
}

void process_flush_stdin(struct process *process) {
  ssize_t n = write(stdin_of(process), process->pending, process->pending_size);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n < 0) n = (ssize_t)process->pending_size; // the reader is gone: so is what it did not read
  process->pending_size -= (size_t)n;
  memmove(process->pending, process->pending + n, process->pending_size);
  if (process->pending_size) return;
  free(process->pending);
  process->pending = NULL;
  if (process->is_stdin_ended) close_fd(&process->in);
}

void process_resize(const struct process *process, int height, int width) {
  struct winsize size = {.ws_row = (unsigned short)height, .ws_col = (unsigned short)width};
  if (process->tty && process->out >= 0 && height > 0 && width > 0) ioctl(process->out, TIOCSWINSZ, &size);
}

int process_exit_code(const struct process *process) {
  return WIFEXITED(process->status) ? WEXITSTATUS(process->status) : 128 + WTERMSIG(process->status);
}
