// Starting the OCI runtime for a container or for an exec in it.
#ifndef GANTRY_LAUNCH_H
#define GANTRY_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#define CGROUPS_MAX 32
#define SHARED_MAX 64
#define STAGED_MAX 128
#define NETNS_FD 10  // where the runtime finds the network namespace: /proc/self/fd/10 in config.json
#define USERNS_FD 12 // and the user namespace

// What is mounted below the bundle for the runtime to find: an image's layers or a volume as ./mN, a part of it as ./sN.
struct staged {
  bool is_image;
  const char *source;  // options of an overlay mount, or a folder
  const char *subpath; // NULL: all of it
};

struct launch_options {
  const char *id;
  const char *state;    // its --root
  const char *layers;   // overlay folders are relative to this one
  const char *overlay;  // options of the overlay mount on ./rootfs
  const char *cgroup_base; // hybrid or v1: where the hierarchies stay reachable while plain cgroup2 covers them; else NULL
  const char *cgroup[CGROUPS_MAX]; // cgroup.procs files to join
  int cgroups;
  const char *shared[SHARED_MAX]; // folders of the host below which mounts go both ways
  int shareds;
  struct staged staged[STAGED_MAX];
  int stageds;
  const char *shm_of; // the mount namespace whose /dev/shm is bound to ./shm, for the runtime to find
  int netns;  // -1: none to hand over
  int userns; // -1: the host's
  uid_t id_base; // the host's ID of its root; 0 without a user namespace
  const char *runtime; // path of another runtime than the sealed one, which is crun
  const char *runtime_flag; // what that one has to be told first, or NULL
  const char *hidden; // folder that the other runtime is not to see, or NULL
  bool tty;
};

// Both fork, and return the runtime's pid or -1. Stdio is what the three descriptors say. The runtime writes its errors to
// the file `log` and the pid of what it started to the file `pid_file`, all in the current folder, the bundle.
pid_t launch_container(const struct launch_options *options, const int stdio[3], const char *pid_file, const char *log,
                       const char *console);
pid_t launch_exec(const struct launch_options *options, const int stdio[3], const char *pid_file, const char *log,
                  const char *console, const char *process, bool tty);

#endif
