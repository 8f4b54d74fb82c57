// The container's first process, or an exec in it: its streams and how it ended.
#ifndef GANTRY_PROCESS_H
#define GANTRY_PROCESS_H

#include "log.h"

#include <stdbool.h>
#include <sys/types.h>

struct conn;

enum stage { STAGE_WAITING, STAGE_LAUNCHING, STAGE_RUNNING, STAGE_EXITED, STAGE_DONE };

struct process {
  struct process *next;
  const char *id; // NULL for the container's own
  char *name;     // prefix of its files in the bundle
  bool tty, has_stdin, stdin_once;
  bool is_bound; // killed when the connection that asked for it goes
  enum stage stage;
  pid_t runtime, pid;
  int status;          // as waitpid gives it
  int in, out, err;    // ours; with a tty all three are the master, kept in `out`
  int theirs[3];       // the child's ends until it has been launched
  int console;         // socket on which the runtime hands over the pty master, -1 otherwise
  bool is_stdin_ended; // what is pending is the last
  char *pending;       // stdin that the process has not taken yet
  size_t pending_size;
  struct log_stream logs[2];
};

extern struct process *processes;

struct process *process_add(const char *id, const char *name, bool tty, bool has_stdin);
void process_remove(struct process *process);
// Pipes, which are the owner's to open again by /proc, or the socket for the console. False with errno.
bool process_open(struct process *process, uid_t owner);
// The child has its ends: let go of them.
void process_close_theirs(struct process *process);
void process_close(struct process *process);
const char *process_file(const struct process *process, const char *suffix); // in one of a few static buffers
void process_take_console(struct process *process);
// Reads once from `*fd` and hands it to the log and to whoever is attached. False when there is nothing to read now.
bool process_pump(struct process *process, int *fd, int stream);
bool process_is_blocked(const struct process *process);
void process_feed(struct process *process, struct conn *conn);
void process_flush_stdin(struct process *process);
void process_resize(const struct process *process, int height, int width);
int process_exit_code(const struct process *process);

#endif
