// Pid 1 for `--init`: starts the command in a process group of its own, passes signals on, reaps whatever ends up here,
// and leaves with the command's status.
#include "wire.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void start_command(char **argv, const sigset_t *blocked) {
  setpgid(0, 0);
  if (tcgetpgrp(0) >= 0) {
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(0, getpgrp());
    signal(SIGTTOU, SIG_DFL);
  }
  sigprocmask(SIG_UNBLOCK, blocked, NULL);
  execvp(argv[0], argv);
  int code = errno == ENOENT ? 127 : 126;
  dprintf(2, "[FATAL gantry-init] exec %s failed: %s\n", argv[0], strerror(errno));
  _exit(code);
}

int init_main(int argc, char **argv) {
  char **command = argv + 1;
  if (argc > 1 && strcmp(*command, "--") == 0) command++;
  if (!*command) {
    fputs("docker-init: no command\n", stderr);
    return 1;
  }
  sigset_t all;
  sigfillset(&all);
  int synchronous[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS};
  for (size_t i = 0; i < sizeof synchronous / sizeof *synchronous; i++) sigdelset(&all, synchronous[i]);
  sigprocmask(SIG_SETMASK, &all, NULL);
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) start_command(command, &all);
  for (;;) {
    siginfo_t info;
    int signal = sigwaitinfo(&all, &info);
    if (signal < 0) continue;
    if (signal != SIGCHLD) {
      kill(child, signal);
      continue;
    }
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
      if (pid == child) exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  }
}
