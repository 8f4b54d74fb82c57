#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

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

int veth_create(int host_netlink, const struct veth *veth, int netns_fd) {
  int bridge = index_of(host_netlink, veth->bridge);
  if (bridge < 0) return bridge;
  struct request request;
  struct ifinfomsg *host = start(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof *host);
  host->ifi_flags = host->ifi_change = IFF_UP;
  uint32_t mtu = (uint32_t)veth->mtu, master = (uint32_t)bridge, netns = (uint32_t)netns_fd;
  attribute(&request, IFLA_IFNAME, veth->host_name, strlen(veth->host_name) + 1);
  attribute(&request, IFLA_MASTER, &master, 4);
  attribute(&request, IFLA_MTU, &mtu, 4);
  struct rtattr *info = attribute(&request, IFLA_LINKINFO, NULL, 0);
  attribute(&request, IFLA_INFO_KIND, "veth", 4);
  struct rtattr *data = attribute(&request, IFLA_INFO_DATA, NULL, 0);
  struct rtattr *peer = attribute(&request, VETH_INFO_PEER, NULL, 0);
  request.header.nlmsg_len += (uint32_t)sizeof(struct ifinfomsg);
  attribute(&request, IFLA_IFNAME, veth->name, strlen(veth->name) + 1);
  attribute(&request, IFLA_NET_NS_FD, &netns, 4);
  attribute(&request, IFLA_MTU, &mtu, 4);
  put_mac(&request, veth->mac);
  close_nest(&request, peer);
  close_nest(&request, data);
  close_nest(&request, info);
  return talk(host_netlink, &request);
}

int veth_configure(int inner_netlink, const struct veth *veth) {
  int index = index_of(inner_netlink, veth->name);
  if (index < 0) return index;
  struct request request;
  struct in_addr address, gateway;
  if (inet_pton(AF_INET, veth->address, &address) != 1) return -EINVAL;
  struct ifaddrmsg *addr = start(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof *addr);
  addr->ifa_family = AF_INET;
  addr->ifa_prefixlen = (unsigned char)veth->prefix_length;
  addr->ifa_index = (unsigned)index;
  struct in_addr broadcast = {.s_addr = address.s_addr | htonl(veth->prefix_length == 32 ? 0 : 0xffffffffu >> veth->prefix_length)};
  attribute(&request, IFA_LOCAL, &address, 4);
  attribute(&request, IFA_ADDRESS, &address, 4);
  attribute(&request, IFA_BROADCAST, &broadcast, 4);
  int error = talk(inner_netlink, &request);
  if (error == 0) error = link_up(inner_netlink, veth->name);
  if (error || !*veth->gateway) return error;
  if (inet_pton(AF_INET, veth->gateway, &gateway) != 1) return -EINVAL;
  struct rtmsg *route = start(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof *route);
  route->rtm_family = AF_INET;
  route->rtm_table = RT_TABLE_MAIN;
  route->rtm_protocol = RTPROT_BOOT;
  route->rtm_scope = RT_SCOPE_UNIVERSE;
  route->rtm_type = RTN_UNICAST;
  attribute(&request, RTA_GATEWAY, &gateway, 4);
  return talk(inner_netlink, &request);
}
