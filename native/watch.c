// The watcher: one child of the daemon that sleeps until somebody else takes away rules or a bridge, and says so on its stdout,
// a line each: `table`, or `bridge NAME`. It dies with the daemon.
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *table;
static bool sees_strangers;
// Of the transaction whose messages are being read; its NEWGEN is the last one.
static bool is_broken, is_made, has_lost_elements;

static void say(const char *what, const char *name) {
  char line[128];
  int size = snprintf(line, sizeof line, "%s%s%s\n", what, *name ? " " : "", name);
  if (!write_all(1, line, (size_t)size)) exit(0);
}

static int subscribe(int protocol, unsigned group) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  struct sockaddr_nl self = {.nl_family = AF_NETLINK};
  if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof self) < 0) fail("netlink");
  if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) fail("netlink group");
  return fd;
}

// Of links only those that go wake us: every start of a container makes several messages about others.
static void only_deleted_links(int fd) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap16(RTM_DELLINK), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  struct sock_fprog filter = {.len = sizeof code / sizeof *code, .filter = code};
  setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

// Processes have the numbers of the first pid namespace in what the kernel says of them: elsewhere they tell us nothing.
static bool knows_numbers(void) {
  char target[32] = "";
  return readlink("/proc/self/ns/pid", target, sizeof target - 1) > 0 && strcmp(target, "pid:[4026531836]") == 0;
}

// The value of an attribute, or NULL.
static void *find(struct nlattr *attr, long size, int type) {
  while (size >= (long)sizeof *attr && attr->nla_len >= sizeof *attr && attr->nla_len <= size) {
    if ((attr->nla_type & NLA_TYPE_MASK) == type) return (char *)attr + NLA_HDRLEN;
    size -= NLA_ALIGN(attr->nla_len);
    attr = (void *)((char *)attr + NLA_ALIGN(attr->nla_len));
  }
  return NULL;
}

static void *find_in(struct nlmsghdr *header, size_t fixed, int type) {
  char *first = (char *)NLMSG_DATA(header) + NLMSG_ALIGN(fixed);
  return find((void *)first, (char *)header + header->nlmsg_len - first, type);
}

// Whether the process is the daemon's child, as its nft is. One that is gone was a stranger's: the daemon's lives on.
static bool is_ours(int pid) {
  char path[32], text[512], *end;
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  if (size <= 0) return false;
  text[size] = 0;
  return (end = strrchr(text, ')')) && atoi(end + 4) == getppid();
}

static void hear_rules(struct nlmsghdr *header) {
  int type = header->nlmsg_type & 0xff;
  if (header->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES) return;
  if (type == NFT_MSG_NEWGEN) {
    uint32_t *pid = find_in(header, sizeof(struct nfgenmsg), NFTA_GEN_PROC_PID);
    bool is_strange = has_lost_elements && sees_strangers && (!pid || !is_ours((int)__builtin_bswap32(*pid)));
    if ((is_broken || is_strange) && !is_made) say("table", "");
    is_broken = is_made = has_lost_elements = false;
    return;
  }
  // The table's name has the number 1 in all of these.
  const char *name = find_in(header, sizeof(struct nfgenmsg), NFTA_RULE_TABLE);
  if (!name || strcmp(name, table) != 0) return;
  if (type == NFT_MSG_NEWTABLE) is_made = true;
  else if (type == NFT_MSG_DELTABLE || type == NFT_MSG_DELCHAIN || type == NFT_MSG_DELRULE || type == NFT_MSG_DELSET) is_broken = true;
  else if (type == NFT_MSG_DELSETELEM) has_lost_elements = true;
}

static void hear_link(struct nlmsghdr *header) {
  if (header->nlmsg_type != RTM_DELLINK) return;
  struct ifinfomsg *link = NLMSG_DATA(header);
  struct nlattr *info = find_in(header, sizeof *link, IFLA_LINKINFO);
  const char *name = find_in(header, sizeof *link, IFLA_IFNAME);
  if (!info || !name || link->ifi_family != AF_UNSPEC) return;
  struct nlattr *nest = (void *)((char *)info - NLA_HDRLEN);
  const char *kind = find(info, nest->nla_len - NLA_HDRLEN, IFLA_INFO_KIND);
  if (kind && strcmp(kind, "bridge") == 0) say("bridge", name);
}

static void hear(int fd, void (*each)(struct nlmsghdr *)) {
  static char buffer[1 << 16] __attribute__((aligned(8)));
  ssize_t size = recv(fd, buffer, sizeof buffer, 0);
  if (size < 0 && errno == ENOBUFS) return say("table", ""); // messages were lost: who knows which
  if (size <= 0) {
    if (size < 0 && errno == EINTR) return;
    exit(1);
  }
  int left = (int)size;
  for (struct nlmsghdr *header = (void *)buffer; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) each(header);
}

// watch TABLE
int watch_main(int argc, char **argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "gantry-watch");
  table = argc > 1 ? argv[1] : "";
  sees_strangers = knows_numbers();
  int rules = subscribe(NETLINK_NETFILTER, NFNLGRP_NFTABLES), links = subscribe(NETLINK_ROUTE, RTNLGRP_LINK);
  only_deleted_links(links);
  say("ready", "");
  struct pollfd ready[] = {{.fd = rules, .events = POLLIN}, {.fd = links, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  for (;;) {
    if (poll(ready, 3, -1) < 0 && errno != EINTR) return 1;
    if (ready[2].revents) return 0; // the daemon is gone, or wants us to go
    if (ready[0].revents) hear(rules, hear_rules);
    if (ready[1].revents) hear(links, hear_link);
  }
}
