// Just enough rtnetlink to give network namespaces their loopback, interfaces and default routes.
#ifndef GANTRY_NETLINK_H
#define GANTRY_NETLINK_H

#include <stdint.h>

// An interface for a container. `kind` is veth, macvlan or ipvlan, the latter two with `:` and their mode's number. `master` is
// the bridge of a veth pair, the parent of the others. What is empty is left out; gateways become default routes.
struct nic {
  const char *kind, *master, *host_name, *name;
  const char *mac;
  int mtu;
  const char *address, *gateway; // dotted IPv4
  int prefix_length;
  const char *address6, *gateway6;
  int prefix_length6;
};

// A socket of the namespace that the caller is in now; it stays there.
int netlink_open(void);
// All return 0 or a negative errno.
int link_up(int netlink, const char *name);
int link_delete(int netlink, const char *name);
int nic_create(int host_netlink, const struct nic *nic, int netns_fd);
int nic_configure(int inner_netlink, const struct nic *nic);
// One more address of the interface.
int address_add(int inner_netlink, const char *name, const char *address, int prefix_length);
// Replaces the default route of the gateway's family; an empty gateway takes it away, which is fine when there is none.
int route_default(int inner_netlink, int family, const char *gateway);

// Conntrack entries of UDP whose answers come from the address or, without one, whose questions went to the port: packets of
// their flows are looked up in the rules again.
int flows_forget(int family, const char *address, int port);

#endif
