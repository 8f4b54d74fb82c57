#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUTES_MAX 64

struct request {
  struct nlmsghdr header;
  char body[1024];
};

int netlink_open(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  struct sockaddr_nl self = {.nl_family = AF_NETLINK};
  if (fd >= 0 && bind(fd, (struct sockaddr *)&self, sizeof self) < 0) {
    close(fd);
    return -1;
  }
  return fd;
}

static void *start(struct request *request, int type, int flags, size_t size) {
  memset(request, 0, sizeof *request);
  request->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
  request->header.nlmsg_type = (uint16_t)type;
  request->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
  return NLMSG_DATA(&request->header);
}

static struct rtattr *attribute(struct request *request, int type, const void *data, size_t size) {
  struct rtattr *attr = (void *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));
  attr->rta_type = (unsigned short)type;
  attr->rta_len = (unsigned short)RTA_LENGTH(size);
  if (size) memcpy(RTA_DATA(attr), data, size);
  request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attr->rta_len);
  return attr;
}

static void close_nest(struct request *request, struct rtattr *nest) {
  nest->rta_len = (unsigned short)((char *)request + request->header.nlmsg_len - (char *)nest);
}

static int talk(int fd, struct request *request) {
  char answer[4096];
  if (send(fd, request, request->header.nlmsg_len, 0) < 0) return -errno;
  ssize_t n = recv(fd, answer, sizeof answer, 0);
  if (n < 0) return -errno;
  struct nlmsghdr *header = (void *)answer;
  if (header->nlmsg_type != NLMSG_ERROR) return -EPROTO;
  return ((struct nlmsgerr *)NLMSG_DATA(header))->error;
}

static int index_of(int netlink, const char *name) {
  // The name is looked up by the socket's own namespace, not the caller's.
  struct request request;
  start(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
  request.header.nlmsg_flags = NLM_F_REQUEST;
  attribute(&request, IFLA_IFNAME, name, strlen(name) + 1);
  char answer[16384];
  if (send(netlink, &request, request.header.nlmsg_len, 0) < 0) return -errno;
  if (recv(netlink, answer, sizeof answer, 0) < 0) return -errno;
  struct nlmsghdr *header = (void *)answer;
  if (header->nlmsg_type == NLMSG_ERROR) return ((struct nlmsgerr *)NLMSG_DATA(header))->error;
  return ((struct ifinfomsg *)NLMSG_DATA(header))->ifi_index;
}

int link_up(int netlink, const char *name) {
  int index = index_of(netlink, name);
  if (index < 0) return index;
  struct request request;
  struct ifinfomsg *link = start(&request, RTM_NEWLINK, 0, sizeof *link);
  link->ifi_index = index;
  link->ifi_flags = link->ifi_change = IFF_UP;
  return talk(netlink, &request);
}

static void put_mac(struct request *request, const char *mac) {
  unsigned char bytes[6];
  if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4], &bytes[5]) == 6)
    attribute(request, IFLA_ADDRESS, bytes, 6);
}

static void put_peer(struct request *request, const struct nic *nic, uint32_t netns, uint32_t mtu) {
  struct rtattr *peer = attribute(request, VETH_INFO_PEER, NULL, 0);
  request->header.nlmsg_len += (uint32_t)sizeof(struct ifinfomsg);
  attribute(request, IFLA_IFNAME, nic->name, strlen(nic->name) + 1);
  attribute(request, IFLA_NET_NS_FD, &netns, 4);
  attribute(request, IFLA_MTU, &mtu, 4);
  put_mac(request, nic->mac);
  close_nest(request, peer);
}

static int veth_create(int host_netlink, const struct nic *nic, int netns_fd) {
  int bridge = index_of(host_netlink, nic->master);
  if (bridge < 0) return bridge;
  struct request request;
  struct ifinfomsg *host = start(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof *host);
  host->ifi_flags = host->ifi_change = IFF_UP;
  uint32_t mtu = (uint32_t)nic->mtu, master = (uint32_t)bridge;
  attribute(&request, IFLA_IFNAME, nic->host_name, strlen(nic->host_name) + 1);
  attribute(&request, IFLA_MASTER, &master, 4);
  attribute(&request, IFLA_MTU, &mtu, 4);
  struct rtattr *info = attribute(&request, IFLA_LINKINFO, NULL, 0);
  attribute(&request, IFLA_INFO_KIND, "veth", 4);
  struct rtattr *data = attribute(&request, IFLA_INFO_DATA, NULL, 0);
  put_peer(&request, nic, (uint32_t)netns_fd, mtu);
  close_nest(&request, data);
  close_nest(&request, info);
  return talk(host_netlink, &request);
}

// macvlan and ipvlan: one interface that is made in the container's namespace at once.
static int child_create(int host_netlink, const struct nic *nic, int netns_fd) {
  int parent = index_of(host_netlink, nic->master);
  if (parent < 0) return parent;
  bool is_macvlan = strncmp(nic->kind, "macvlan", 7) == 0;
  const char *mode_text = strchr(nic->kind, ':');
  uint32_t link = (uint32_t)parent, netns = (uint32_t)netns_fd, mtu = (uint32_t)nic->mtu;
  uint32_t mode = (uint32_t)(mode_text ? atoi(mode_text + 1) : 0);
  uint16_t short_mode = (uint16_t)mode;
  struct request request;
  start(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
  attribute(&request, IFLA_IFNAME, nic->name, strlen(nic->name) + 1);
  attribute(&request, IFLA_LINK, &link, 4);
  attribute(&request, IFLA_NET_NS_FD, &netns, 4);
  if (mtu) attribute(&request, IFLA_MTU, &mtu, 4);
  if (is_macvlan) put_mac(&request, nic->mac);
  struct rtattr *info = attribute(&request, IFLA_LINKINFO, NULL, 0);
  attribute(&request, IFLA_INFO_KIND, is_macvlan ? "macvlan" : "ipvlan", is_macvlan ? 7 : 6);
  struct rtattr *data = attribute(&request, IFLA_INFO_DATA, NULL, 0);
  if (is_macvlan) attribute(&request, IFLA_MACVLAN_MODE, &mode, 4);
  else attribute(&request, IFLA_IPVLAN_MODE, &short_mode, 2);
  close_nest(&request, data);
  close_nest(&request, info);
  return talk(host_netlink, &request);
}

int nic_create(int host_netlink, const struct nic *nic, int netns_fd) {
  bool is_veth = strcmp(nic->kind, "veth") == 0;
  return is_veth ? veth_create(host_netlink, nic, netns_fd) : child_create(host_netlink, nic, netns_fd);
}

int link_delete(int netlink, const char *name) {
  int index = index_of(netlink, name);
  if (index < 0) return index;
  struct request request;
  struct ifinfomsg *link = start(&request, RTM_DELLINK, 0, sizeof *link);
  link->ifi_index = index;
  return talk(netlink, &request);
}

static int add_address4(int netlink, int index, const char *text, int prefix_length) {
  struct request request;
  struct in_addr address;
  if (inet_pton(AF_INET, text, &address) != 1) return -EINVAL;
  struct ifaddrmsg *addr = start(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof *addr);
  addr->ifa_family = AF_INET;
  addr->ifa_prefixlen = (unsigned char)prefix_length;
  addr->ifa_index = (unsigned)index;
  struct in_addr broadcast = {.s_addr = address.s_addr | htonl(prefix_length == 32 ? 0 : 0xffffffffu >> prefix_length)};
  attribute(&request, IFA_LOCAL, &address, 4);
  attribute(&request, IFA_ADDRESS, &address, 4);
  attribute(&request, IFA_BROADCAST, &broadcast, 4);
  return talk(netlink, &request);
}

static int add_address6(int netlink, int index, const char *text, int prefix_length) {
  struct request request;
  struct in6_addr address;
  if (inet_pton(AF_INET6, text, &address) != 1) return -EINVAL;
  struct ifaddrmsg *addr = start(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof *addr);
  addr->ifa_family = AF_INET6;
  addr->ifa_prefixlen = (unsigned char)prefix_length;
  addr->ifa_index = (unsigned)index;
  addr->ifa_flags = IFA_F_NODAD; // we hand addresses out: nobody else has it, and it is usable at once
  attribute(&request, IFA_LOCAL, &address, 16);
  attribute(&request, IFA_ADDRESS, &address, 16);
  return talk(netlink, &request);
}

int address_add(int inner_netlink, const char *name, const char *address, int prefix_length) {
  int index = index_of(inner_netlink, name);
  if (index < 0) return index;
  return (strchr(address, ':') ? add_address6 : add_address4)(inner_netlink, index, address, prefix_length);
}

static int change_route(int netlink, int type, int flags, int family, const char *gateway) {
  unsigned char bytes[16];
  struct request request;
  if (*gateway && inet_pton(family, gateway, bytes) != 1) return -EINVAL;
  struct rtmsg *route = start(&request, type, flags, sizeof *route);
  route->rtm_family = (unsigned char)family;
  route->rtm_table = RT_TABLE_MAIN;
  route->rtm_protocol = type == RTM_NEWROUTE ? RTPROT_BOOT : RTPROT_UNSPEC;
  route->rtm_scope = type == RTM_NEWROUTE ? RT_SCOPE_UNIVERSE : RT_SCOPE_NOWHERE;
  route->rtm_type = type == RTM_NEWROUTE ? RTN_UNICAST : RTN_UNSPEC;
  if (*gateway) attribute(&request, RTA_GATEWAY, bytes, family == AF_INET ? 4 : 16);
  return talk(netlink, &request);
}

int route_default(int netlink, int family, const char *gateway) {
  if (*gateway && family == AF_INET) return change_route(netlink, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, family, gateway);
  // Of IPv6 a second route would stand beside the first as one more way to go. Who is root in there may make them faster than
  // they can be deleted.
  for (int i = 0; i < ROUTES_MAX && change_route(netlink, RTM_DELROUTE, 0, family, "") == 0; i++) {}
  return *gateway ? change_route(netlink, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, family, gateway) : 0;
}

int nic_configure(int inner_netlink, const struct nic *nic) {
  int index = index_of(inner_netlink, nic->name), error = 0;
  if (index < 0) return index;
  if (*nic->address) error = add_address4(inner_netlink, index, nic->address, nic->prefix_length);
  if (!error && *nic->address6) error = add_address6(inner_netlink, index, nic->address6, nic->prefix_length6);
  if (!error) error = link_up(inner_netlink, nic->name);
  if (!error && *nic->gateway)
    error = change_route(inner_netlink, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, AF_INET, nic->gateway);
  if (!error && *nic->gateway6)
    error = change_route(inner_netlink, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, AF_INET6, nic->gateway6);
  return error;
}
