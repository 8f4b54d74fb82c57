// mount and umount on the host, for volumes whose content lies elsewhere: a server that does not answer stops this process only.
// The exit code is errno.
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mount.h>

// mount type device target flags data
int mount_main(int argc, char **argv) {
  if (argc != 6) return EINVAL;
  return mount(argv[2], argv[3], argv[1], strtoul(argv[4], NULL, 10), argv[5]) < 0 ? errno : 0;
}

// umount target
int umount_main(int argc, char **argv) {
  if (argc != 2) return EINVAL;
  return umount2(argv[1], MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? errno : 0;
}
