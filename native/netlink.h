// Just enough rtnetlink to give a new network namespace its loopback and one end of a veth pair.
#ifndef GANTRY_NETLINK_H
#define GANTRY_NETLINK_H

#include <stdint.h>

struct veth {
  const char *bridge, *host_name, *name;
  const char *address, *gateway; // dotted IPv4
  int prefix_length;
  const char *mac;
  int mtu;
};

// A socket of the namespace that the caller is in now; it stays there.
int netlink_open(void);
// All return 0 or a negative errno.
int link_up(int netlink, const char *name);
int veth_create(int host_netlink, const struct veth *veth, int netns_fd);
int veth_configure(int inner_netlink, const struct veth *veth);

#endif
