// What the spawner and the shim speak with the daemon: frames of a little-endian uint32 length and as many bytes of
// fields, each ended by a NUL. docs/formats/shim-protocol.md has the whole conversation.
#ifndef GANTRY_WIRE_H
#define GANTRY_WIRE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX (256 * 1024) // an overlay of hundreds of layers fits
#define FIELDS_MAX 1024

// A sealed copy of the OCI runtime in memory that spawner and shims hand down. The runtime would make one at every start (so
// that no container can overwrite it, CVE-2019-5736) and run itself again; finding itself sealed already, it does not.
#define RUNTIME_FD 11

struct fields {
  int count;
  char *field[FIELDS_MAX];
};

// Splits a payload in place. False when it does not end in a NUL or has too many fields.
bool fields_split(char *payload, size_t length, struct fields *out);
// Builds a frame of the given strings (the last argument is NULL) in a static buffer; returns its size.
size_t frame_build(char **frame, const char *first, ...);
// Writes all of it or fails; for sockets and pipes whose peer reads.
bool write_all(int fd, const void *bytes, size_t length);
bool read_all(int fd, void *bytes, size_t length);

const char *text_of(long number); // in one of a few static buffers
void fail(const char *what) __attribute__((noreturn)); // prints what and errno, exits 1

int spawner_main(int argc, char **argv);
int supervisor_main(int argc, char **argv);
int pod_main(int argc, char **argv);
int init_main(int argc, char **argv);
int mount_main(int argc, char **argv);
int umount_main(int argc, char **argv);
int watch_main(int argc, char **argv);
int forget_main(void);

#endif
