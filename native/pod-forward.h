// One connection to a port on a pod's loopback.
#ifndef GANTRY_POD_FORWARD_H
#define GANTRY_POD_FORWARD_H

// In a process of its own, in the pod's network: says on the socket whether anybody listens, and then carries bytes both ways
// until both sides have ended. Does not return.
void forward_port(int client, int port) __attribute__((noreturn));

#endif
