// A library that leaves a trace as soon as somebody loads it (CVE-2019-14271).
#include <fcntl.h>

__attribute__((constructor)) static void trace(void) { open("/ran", O_WRONLY | O_CREAT, 0600); }
