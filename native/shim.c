// gantry-shim: everything of Gantry that is native, one static program with a few roles.
//   spawner  one child of the daemon: owns what must be made by system calls on a small process
//   shim     one per running container: its parent, log writer and door for attach and exec
//   pod      one per pod: holds the namespaces that its containers share
//   forget   takes UDP flows out of the kernel's memory, as its stdin says
//   watch    one child of the daemon: sleeps until others change its rules or bridges
//   init     pid 1 of containers that ask for --init
//   mount, umount  one system call for a volume
#include "wire.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
  // Bound into containers as /sbin/docker-init, the name alone says the role.
  const char *slash = strrchr(argv[0], '/');
  if (strcmp(slash ? slash + 1 : argv[0], "docker-init") == 0) return init_main(argc, argv);
  if (argc > 1 && strcmp(argv[1], "spawner") == 0) return spawner_main(argc - 1, argv + 1);
  if (argc > 1 && strcmp(argv[1], "shim") == 0) return supervisor_main(argc - 1, argv + 1);
  if (argc > 1 && strcmp(argv[1], "pod") == 0) return pod_main(argc - 1, argv + 1);
  if (argc > 1 && strcmp(argv[1], "mount") == 0) return mount_main(argc - 1, argv + 1);
  if (argc > 1 && strcmp(argv[1], "umount") == 0) return umount_main(argc - 1, argv + 1);
  if (argc > 1 && strcmp(argv[1], "forget") == 0) return forget_main();
  if (argc > 1 && strcmp(argv[1], "watch") == 0) return watch_main(argc - 1, argv + 1);
  fputs("gantry-shim is started by the gantry engine, not by hand\n", stderr);
  return 2;
}
