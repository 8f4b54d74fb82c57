// The shim: parent of one running container. Outlives the daemon, owns the streams, writes the log and the exit status,
// and lets the daemon attach, exec, signal and resize over a unix socket (descriptor 3).
//
//   connection's first frame        what follows
//   control                         frames both ways: go, signal N, resize H W, exec-resize ID H W, log-at INODE,
//                                   log-reopen →
//                                   ← waiting, log-reopened, started PID START-TIME, failed TEXT, exit CODE NANOSECONDS, exec-exit ID CODE
//   attach stdin? stdout? stderr?   raw: stdin in, output out (8-byte headers unless tty)
//   exec ID tty? stdin? stdout? stderr? PROCESS-FILE [bound]
//                                   ← one frame started PID or failed TEXT, then raw as attach; `bound`: it ends with the
//                                     connection
#include "wire.h"

#include "conn.h"
#include "launch.h"
#include "log.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LISTENER 3
#define ORPHANS 64
#define LONELY_MS 10000 // nobody came to say "go", or takes the last output: the daemon is dead
#define POLL_MAX 512

static struct launch_options options = {.netns = -1, .userns = -1};
static struct log_options log_to = {.max_files = 1};
static struct process *container;
static const char *socket_path, *exit_file;
static int exit_fd = -1;
static bool had_visitor, had_control;
// What control connections are told; those that come later are told too.
static char started_frame[128], last_frame[2304];
static size_t started_size, last_size;
static long long finished_at;
// Processes that ended while the runtime that started them had not reported them yet.
static struct { pid_t pid; int status; } orphans[ORPHANS];
static int orphan_next;

static void close_on_exec(int fd) { fcntl(fd, F_SETFD, FD_CLOEXEC); }

// A descriptor, or the path of another container's.
static int open_userns(const char *value) {
  int fd = *value == '/' ? open(value, O_RDONLY | O_CLOEXEC) : atoi(value);
  if (fd < 0) fail(value);
  close_on_exec(fd);
  return fd;
}

static void parse(int argc, char **argv, bool *has_stdin, bool *stdin_once) {
  for (int i = 1; i < argc; i++) {
    char *value = strchr(argv[i], '=');
    if (!value) {
      options.id = argv[i];
      continue;
    }
    *value++ = 0;
    const char *key = argv[i];
    if (strcmp(key, "bundle") == 0) { if (chdir(value) < 0) fail(value); }
    else if (strcmp(key, "socket") == 0) socket_path = value;
    else if (strcmp(key, "state") == 0) options.state = value;
    else if (strcmp(key, "layers") == 0) options.layers = value;
    else if (strcmp(key, "overlay") == 0) options.overlay = value;
    else if (strcmp(key, "cgroup-base") == 0) options.cgroup_base = value;
    else if (strcmp(key, "cgroup") == 0 && options.cgroups < CGROUPS_MAX) options.cgroup[options.cgroups++] = value;
    else if (strcmp(key, "shared") == 0 && options.shareds < SHARED_MAX) options.shared[options.shareds++] = value;
    else if ((strcmp(key, "image") == 0 || strcmp(key, "volume") == 0) && options.stageds < STAGED_MAX)
      options.staged[options.stageds++] = (struct staged){.is_image = *key == 'i', .source = value};
    else if (strcmp(key, "subpath") == 0 && options.stageds > 0) options.staged[options.stageds - 1].subpath = value;
    else if (strcmp(key, "shm-of") == 0) options.shm_of = value;
    else if (strcmp(key, "netns") == 0) close_on_exec(options.netns = atoi(value));
    else if (strcmp(key, "userns") == 0) options.userns = open_userns(value);
    else if (strcmp(key, "id-base") == 0) options.id_base = (uid_t)strtoul(value, NULL, 10);
    else if (strcmp(key, "runtime") == 0) options.runtime = value;
    else if (strcmp(key, "runtime-flag") == 0) options.runtime_flag = value;
    else if (strcmp(key, "hide") == 0) options.hidden = value;
    else if (strcmp(key, "hold") == 0) close_on_exec(atoi(value));
    else if (strcmp(key, "log") == 0) log_to.path = value;
    else if (strcmp(key, "log-max-bytes") == 0) log_to.max_bytes = atol(value);
    else if (strcmp(key, "log-max-files") == 0) log_to.max_files = atoi(value);
    else if (strcmp(key, "log-compress") == 0) log_to.compresses = atoi(value);
    else if (strcmp(key, "log-ship") == 0) log_to.ships = atoi(value);
    else if (strcmp(key, "log-hold") == 0) log_to.holds = atoi(value);
    else if (strcmp(key, "log-attrs") == 0) log_to.attrs = value;
    else if (strcmp(key, "log-cri") == 0) log_to.is_cri = atoi(value);
    else if (strcmp(key, "exit-file") == 0) exit_file = value;
    else if (strcmp(key, "tty") == 0) options.tty = atoi(value);
    else if (strcmp(key, "stdin") == 0) *has_stdin = atoi(value);
    else if (strcmp(key, "stdin-once") == 0) *stdin_once = atoi(value);
    // A value that kept its `=` for people to see in `ps` would be lost to them: put it back.
    value[-1] = '=';
  }
}

static void tell_failed(struct process *process, const char *text);

static void launch(struct process *process, const char *process_json) {
  process->stage = STAGE_LAUNCHING;
  if (process_open(process, options.id_base)) {
    const char *console = process->tty ? process_file(process, "tty") : NULL;
    const char *pid = process_file(process, "pid"), *log = process_file(process, "log");
    process->runtime = process_json ? launch_exec(&options, process->theirs, pid, log, console, process_json, process->tty)
                                    : launch_container(&options, process->theirs, pid, log, console);
  } else process->runtime = -1;
  process_close_theirs(process);
  if (process->runtime < 0) tell_failed(process, strerror(errno));
}

static size_t read_file(const char *path, char *buffer, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, buffer, size - 1);
  if (fd >= 0) close(fd);
  buffer[n > 0 ? n : 0] = 0;
  return n > 0 ? (size_t)n : 0;
}

// Field 22 of /proc/PID/stat; "0" when it is gone already.
static const char *start_time_of(pid_t pid) {
  static char stat[1024];
  char path[40];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  if (!read_file(path, stat, sizeof stat)) return "0";
  char *at = strrchr(stat, ')'), *rest;
  if (!at) return "0";
  at = strtok_r(at + 2, " ", &rest);
  for (int field = 3; at && field < 22; field++) at = strtok_r(NULL, " ", &rest);
  return at ? at : "0";
}

static struct conn *stream_of(const struct process *process) {
  for (struct conn *conn = conns; conn; conn = conn->next)
    if (conn->process == process && conn->fd >= 0) return conn;
  return NULL;
}

static void tell_started(struct process *process) {
  char *frame;
  if (process->id) {
    struct conn *conn = stream_of(process);
    size_t size = frame_build(&frame, "started", text_of(process->pid), NULL);
    if (conn) conn_send(conn, frame, size, NULL, 0);
    return;
  }
  started_size = frame_build(&frame, "started", text_of(process->pid), start_time_of(process->pid), NULL);
  memcpy(started_frame, frame, started_size);
  conns_tell(started_frame, started_size);
}

static void tell_last(const char *frame, size_t size) {
  last_size = size < sizeof last_frame ? size : sizeof last_frame;
  memcpy(last_frame, frame, last_size);
  conns_tell(last_frame, last_size);
}

static void tell_failed(struct process *process, const char *text) {
  char *frame;
  size_t size = frame_build(&frame, "failed", *text ? text : "the runtime was killed", NULL);
  process->stage = STAGE_DONE;
  if (process->id) {
    struct conn *conn = stream_of(process);
    if (conn) {
      conn_send(conn, frame, size, NULL, 0);
      conn_finish(conn);
    }
    return;
  }
  tell_last(frame, size);
  for (struct conn *conn = conns; conn; conn = conn->next) conn_finish(conn);
}

static bool adopt_orphan(struct process *process) {
  for (int i = 0; i < ORPHANS; i++) {
    if (orphans[i].pid != process->pid) continue;
    process->status = orphans[i].status;
    orphans[i].pid = 0;
    return true;
  }
  return false;
}

static void runtime_ended(struct process *process, int status) {
  char text[2048];
  process->runtime = 0;
  if (!process->id && options.netns >= 0) close(options.netns), options.netns = -1; // the container holds it now
  if (!process->id && options.userns >= 0) close(options.userns), options.userns = -1;
  // The pty was sent before the runtime ended.
  if (process->console >= 0) process_take_console(process);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && read_file(process_file(process, "pid"), text, sizeof text)) {
    process->pid = atoi(text);
    process->stage = adopt_orphan(process) ? STAGE_EXITED : STAGE_RUNNING;
    tell_started(process);
  } else {
    read_file(process_file(process, "log"), text, sizeof text);
    tell_failed(process, text);
  }
  if (process->id) {
    unlink(process_file(process, "pid"));
    unlink(process_file(process, "log"));
  }
}

static const char *exit_draft(void) {
  static char path[4200];
  snprintf(path, sizeof path, "%s.tmp", exit_file);
  return path;
}

// Takes its room on the disk before the container can fill that.
static void draft_exit_file(void) {
  static const char room[] = "                                                              \n";
  exit_fd = open(exit_draft(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (exit_fd >= 0 && write(exit_fd, room, sizeof room - 1) < 0) close(exit_fd), exit_fd = -1;
}

static void write_exit_file(int code) {
  char text[64];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  finished_at = now.tv_sec * 1000000000ll + now.tv_nsec;
  int size = snprintf(text, sizeof text, "%d %lld", code, finished_at);
  if (exit_fd < 0) draft_exit_file();
  if (pwrite(exit_fd, text, (size_t)size, 0) == size) rename(exit_draft(), exit_file);
  close(exit_fd);
  exit_fd = -1;
}

// Everything that the process wrote is in the pipes now; take it whatever the attached clients do.
static void drain(struct process *process) {
  while (process->out >= 0 && process_pump(process, &process->out, 1)) {}
  while (process->err >= 0 && process_pump(process, &process->err, 2)) {}
}

static void finish(struct process *process) {
  char *frame;
  size_t size;
  int code = process_exit_code(process);
  drain(process);
  process_close(process);
  process->stage = STAGE_DONE;
  if (process->id) {
    size = frame_build(&frame, "exec-exit", process->id, text_of(code), NULL);
    conns_tell(frame, size);
  } else {
    log_finish(&process->logs[0]);
    log_finish(&process->logs[1]);
    write_exit_file(code);
    char at[32];
    snprintf(at, sizeof at, "%lld", finished_at);
    size = frame_build(&frame, "exit", text_of(code), at, NULL);
    tell_last(frame, size);
  }
  for (struct conn *conn = conns; conn; conn = conn->next)
    if (conn->process == process) conn_finish(conn);
}

static void child_ended(pid_t pid, int status) {
  if (log_child_ended(pid, status)) return;
  for (struct process *process = processes; process; process = process->next) {
    if (process->runtime == pid) {
      runtime_ended(process, status);
      return;
    }
    if (process->stage == STAGE_RUNNING && process->pid == pid) {
      process->status = status;
      process->stage = STAGE_EXITED;
      return;
    }
  }
  orphans[orphan_next].pid = pid;
  orphans[orphan_next].status = status;
  orphan_next = (orphan_next + 1) % ORPHANS;
}

static void reap(void) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) child_ended(pid, status);
  struct process *next;
  for (struct process *process = processes; process; process = next) {
    next = process->next;
    if (process->stage == STAGE_EXITED) finish(process);
    if (process->stage == STAGE_DONE && process->id) process_remove(process);
  }
}

// Whoever wanted to know how these end is gone, maybe with the whole daemon: nobody would ever end them.
static void end_abandoned(void) {
  for (struct process *process = processes; process; process = process->next)
    if (process->is_bound && process->stage == STAGE_RUNNING && !stream_of(process)) kill(process->pid, SIGKILL);
}

static void start_exec(struct conn *conn, struct fields *f) {
  static int serial;
  char name[32];
  snprintf(name, sizeof name, "exec-%d", serial++);
  struct process *process = process_add(f->field[1], name, atoi(f->field[2]), atoi(f->field[3]));
  if (!process) {
    conn_close(conn);
    return;
  }
  process->is_bound = f->count == 8;
  conn->role = CONN_STREAM;
  conn->process = process;
  conn->wants_stdin = atoi(f->field[3]);
  conn->wants_stdout = atoi(f->field[4]);
  conn->wants_stderr = atoi(f->field[5]);
  if (container->stage == STAGE_RUNNING) launch(process, f->field[6]);
  else tell_failed(process, "container is not running");
  if (process->stage == STAGE_DONE) process_remove(process);
}

static void greet(struct conn *conn, struct fields *f) {
  const char *role = f->field[0];
  if (strcmp(role, "control") == 0) {
    conn->role = CONN_CONTROL;
    had_control = true;
    if (container->stage == STAGE_WAITING) {
      char *frame;
      size_t size = frame_build(&frame, "waiting", NULL);
      conn_send(conn, frame, size, NULL, 0);
    }
    if (started_size) conn_send(conn, started_frame, started_size, NULL, 0);
    if (last_size) conn_send(conn, last_frame, last_size, NULL, 0);
  } else if (strcmp(role, "attach") == 0 && f->count == 4) {
    conn->role = CONN_STREAM;
    conn->process = container;
    conn->wants_stdin = atoi(f->field[1]);
    conn->wants_stdout = atoi(f->field[2]);
    conn->wants_stderr = atoi(f->field[3]);
    char *frame;
    size_t size = frame_build(&frame, "attached", NULL);
    conn_send(conn, frame, size, NULL, 0);
    if (container->stage == STAGE_DONE) conn_finish(conn);
  } else if (strcmp(role, "exec") == 0 && (f->count == 7 || f->count == 8)) start_exec(conn, f);
  else conn_close(conn);
}

static void command(struct conn *conn, struct fields *f) {
  const char *op = f->field[0];
  if (strcmp(op, "go") == 0 && container->stage == STAGE_WAITING) launch(container, NULL);
  else if (strcmp(op, "signal") == 0 && f->count == 2 && container->stage == STAGE_RUNNING) kill(container->pid, atoi(f->field[1]));
  else if (strcmp(op, "resize") == 0 && f->count == 3) process_resize(container, atoi(f->field[1]), atoi(f->field[2]));
  else if (strcmp(op, "log-at") == 0 && f->count == 2) log_at(strtoull(f->field[1], NULL, 10));
  else if (strcmp(op, "log-reopen") == 0) {
    char *frame;
    size_t size = frame_build(&frame, "log-reopened", NULL);
    log_reopen();
    conn_send(conn, frame, size, NULL, 0);
  } else if (strcmp(op, "exec-resize") == 0 && f->count == 4) {
    for (struct process *process = processes; process; process = process->next)
      if (process->id && strcmp(process->id, f->field[1]) == 0) process_resize(process, atoi(f->field[2]), atoi(f->field[3]));
  }
}

static bool take_frame(struct conn *conn) {
  static struct fields f;
  uint32_t size;
  if (conn->input_size < 4) return false;
  memcpy(&size, conn->input, 4);
  if (size == 0 || size > 64 * 1024) {
    conn_close(conn);
    return false;
  }
  if (conn->input_size < 4 + size) return false;
  if (!fields_split(conn->input + 4, size, &f)) conn_close(conn);
  else if (conn->role == CONN_NEW) greet(conn, &f);
  else command(conn, &f);
  conn->input_size -= 4 + size;
  memmove(conn->input, conn->input + 4 + size, conn->input_size);
  return conn->fd >= 0 && conn->role == CONN_CONTROL;
}

static void read_frames(struct conn *conn) {
  if (!conn->input && !(conn->input = malloc(68 * 1024))) return conn_close(conn);
  // A new connection is read byte by byte in effect: what follows its first frame may be raw stdin.
  size_t room = 68 * 1024 - conn->input_size;
  if (conn->role == CONN_NEW) {
    uint32_t size = 0;
    if (conn->input_size >= 4) memcpy(&size, conn->input, 4);
    size_t wanted = 4 + (conn->input_size >= 4 ? size : 0) - conn->input_size;
    if (wanted < room) room = wanted;
  }
  ssize_t n = read(conn->fd, conn->input + conn->input_size, room);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return conn_close(conn);
  conn->input_size += (size_t)n;
  while (take_frame(conn)) {}
  if (conn->role == CONN_STREAM) {
    free(conn->input);
    conn->input = NULL;
    conn->input_size = 0;
  }
}

static void accept_one(void) {
  int fd = accept4(LISTENER, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  had_visitor = true;
  conn_add(fd);
}

// ------------------------------------------------------------------ the loop

static struct pollfd polled[POLL_MAX];
static struct { struct conn *conn; struct process *process; int what; } meaning[POLL_MAX];
static int polled_count;

static void watch(int fd, short events, struct conn *conn, struct process *process, int what) {
  if (fd < 0 || polled_count == POLL_MAX) return;
  polled[polled_count] = (struct pollfd){fd, events, 0};
  meaning[polled_count].conn = conn;
  meaning[polled_count].process = process;
  meaning[polled_count++].what = what;
}

enum { WATCH_CONN, WATCH_OUT, WATCH_ERR, WATCH_STDIN, WATCH_CONSOLE, WATCH_LISTENER, WATCH_CHILD };

static void watch_all(int children) {
  polled_count = 0;
  watch(children, POLLIN, NULL, NULL, WATCH_CHILD);
  watch(LISTENER, POLLIN, NULL, NULL, WATCH_LISTENER);
  for (struct process *process = processes; process; process = process->next) {
    if (process->stage == STAGE_DONE) continue;
    // Output waits until it is known whether the process has started: before that it may be the runtime's complaint.
    bool is_blocked = process_is_blocked(process) || process->stage < STAGE_RUNNING || (!process->id && log_is_held());
    short tty_write = process->tty && process->pending_size ? POLLOUT : 0;
    if (!is_blocked || tty_write) watch(process->out, (short)((is_blocked ? 0 : POLLIN) | tty_write), NULL, process, WATCH_OUT);
    if (!is_blocked) watch(process->err, POLLIN, NULL, process, WATCH_ERR);
    if (process->pending_size && !process->tty) watch(process->in, POLLOUT, NULL, process, WATCH_STDIN);
    watch(process->console, POLLIN, NULL, process, WATCH_CONSOLE);
  }
  for (struct conn *conn = conns; conn; conn = conn->next) {
    bool is_full = conn->process && conn->process->pending_size > 0;
    // Stdin waits until the process has been started and has taken what is pending.
    bool is_early = conn->process && conn->process->stage < STAGE_RUNNING;
    bool reads = !conn->is_read_done && !conn->closes_when_flushed && !is_full && !is_early;
    watch(conn->fd, (short)((reads ? POLLIN : 0) | (conn->pending_size ? POLLOUT : 0)), conn, NULL, WATCH_CONN);
  }
}

static void serve_conn(struct conn *conn, short events) {
  if (conn->fd < 0) return;
  if (events & POLLOUT) conn_flush(conn);
  if (conn->fd < 0) return;
  if (events & POLLIN) {
    if (conn->role == CONN_STREAM && conn->process) process_feed(conn->process, conn);
    else if (conn->role != CONN_STREAM) read_frames(conn);
  } else if (events & (POLLERR | POLLHUP)) conn_close(conn);
}

static void serve(int i, int children) {
  struct signalfd_siginfo info;
  short events = polled[i].revents;
  struct process *process = meaning[i].process;
  switch (meaning[i].what) {
    case WATCH_CHILD:
      while (read(children, &info, sizeof info) > 0) {}
      break;
    case WATCH_LISTENER: accept_one(); break;
    case WATCH_OUT:
      if (events & POLLOUT) process_flush_stdin(process);
      if ((events & ~POLLOUT) && process->out >= 0) process_pump(process, &process->out, 1);
      break;
    case WATCH_ERR:
      if (process->err >= 0) process_pump(process, &process->err, 2);
      break;
    case WATCH_STDIN: process_flush_stdin(process); break;
    case WATCH_CONSOLE: process_take_console(process); break;
    default: serve_conn(meaning[i].conn, events);
  }
}

static bool is_over(void) {
  if (container->stage == STAGE_WAITING) return had_visitor && !conns;
  if (last_size == 0 || !had_control) return false;
  for (struct process *process = processes; process; process = process->next)
    if (process->stage != STAGE_DONE) return false;
  for (struct conn *conn = conns; conn; conn = conn->next)
    if (conn->pending_size) return false;
  return true;
}

static void loop(int children) {
  while (!is_over()) {
    watch_all(children);
    bool is_lonely = container->stage == STAGE_WAITING || container->stage == STAGE_DONE;
    int ready = poll(polled, (nfds_t)polled_count, is_lonely ? LONELY_MS : -1);
    if (ready == 0 && is_lonely) break;
    for (int i = 0; i < polled_count && ready > 0; i++)
      if (polled[i].revents) serve(i, children);
    reap();
    end_abandoned();
    conns_sweep();
  }
}

int supervisor_main(int argc, char **argv) {
  bool has_stdin = false, stdin_once = false;
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, NULL);
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  close_on_exec(LISTENER);
  close_on_exec(RUNTIME_FD);
  parse(argc, argv, &has_stdin, &stdin_once);
  int children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (children < 0 || null < 0 || !options.id || !exit_file) fail("shim");
  dup2(null, 2);
  log_open(&log_to);
  unlink(exit_file); // of a run before this one
  draft_exit_file();
  container = process_add(NULL, "init", options.tty, has_stdin);
  container->stdin_once = stdin_once;
  loop(children);
  if (socket_path) unlink(socket_path);
  log_sync();
  int fd = open(exit_file, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) fsync(fd);
  return 0;
}
