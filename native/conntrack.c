#include "netlink.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// What of a tuple a filter compares. @see net/netfilter/nf_conntrack_netlink.c, CTA_FILTER_FLAG
enum { IP_SRC = 1, IP_DST = 2, PROTO_NUM = 8, DST_PORT = 32 };

struct message {
  struct nlmsghdr header;
  struct nfgenmsg family;
  char body[512];
};

static struct nlattr *add(struct message *message, int type, const void *data, size_t size) {
  struct nlattr *attr = (void *)((char *)message + NLMSG_ALIGN(message->header.nlmsg_len));
  attr->nla_type = (uint16_t)type;
  attr->nla_len = (uint16_t)(NLA_HDRLEN + size);
  if (size) memcpy((char *)attr + NLA_HDRLEN, data, size);
  message->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(message->header.nlmsg_len) + NLA_ALIGN(attr->nla_len));
  return attr;
}

static void end(struct message *message, struct nlattr *nest) {
  nest->nla_len = (uint16_t)((char *)message + message->header.nlmsg_len - (char *)nest);
}

static void add_udp(struct message *message, const uint16_t *port) {
  uint8_t udp = IPPROTO_UDP;
  struct nlattr *proto = add(message, CTA_TUPLE_PROTO | NLA_F_NESTED, NULL, 0);
  add(message, CTA_PROTO_NUM, &udp, 1);
  if (port) add(message, CTA_PROTO_DST_PORT, port, 2);
  end(message, proto);
}

static void add_filter(struct message *message, uint32_t orig, uint32_t reply) {
  struct nlattr *filter = add(message, CTA_FILTER | NLA_F_NESTED, NULL, 0);
  add(message, CTA_FILTER_ORIG_FLAGS, &orig, 4);
  add(message, CTA_FILTER_REPLY_FLAGS, &reply, 4);
  end(message, filter);
}

static int talk(struct message *message) {
  char answer[1024];
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), error = 0;
  if (fd < 0) return -errno;
  if (send(fd, message, message->header.nlmsg_len, 0) < 0 || recv(fd, answer, sizeof answer, 0) < 0) error = -errno;
  else if (((struct nlmsghdr *)answer)->nlmsg_type == NLMSG_ERROR) error = ((struct nlmsgerr *)NLMSG_DATA(answer))->error;
  close(fd);
  return error;
}

static void add_address(struct message *message, int type, const unsigned char *bytes) {
  struct nlattr *ip = add(message, CTA_TUPLE_IP | NLA_F_NESTED, NULL, 0);
  add(message, type, bytes, 4);
  end(message, ip);
}

// Of IPv4: what was sent to the address (any, when empty) and port, and is answered from the other address.
static int forget_between(const char *address, int port, const char *answering) {
  unsigned char to[4], from[4];
  uint16_t number = htons((uint16_t)port);
  struct message message = {
      .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg)),
                 .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
      .family = {.nfgen_family = AF_INET, .version = NFNETLINK_V0},
  };
  if (*address && inet_pton(AF_INET, address, to) != 1) return -EINVAL;
  if (inet_pton(AF_INET, answering, from) != 1) return -EINVAL;
  struct nlattr *tuple = add(&message, CTA_TUPLE_ORIG | NLA_F_NESTED, NULL, 0);
  if (*address) add_address(&message, CTA_IP_V4_DST, to);
  add_udp(&message, &number);
  end(&message, tuple);
  tuple = add(&message, CTA_TUPLE_REPLY | NLA_F_NESTED, NULL, 0);
  add_address(&message, CTA_IP_V4_SRC, from);
  end(&message, tuple);
  add_filter(&message, (*address ? IP_DST : 0) | DST_PORT | PROTO_NUM, IP_SRC);
  return talk(&message);
}

// forget: reads lines `ADDRESS PORT ANSWERING`, ADDRESS `*` for any; forgets those UDP flows.
int forget_main(void) {
  char address[64], answering[64];
  int port, status = 0;
  while (scanf("%63s %d %63s", address, &port, answering) == 3) {
    int error = forget_between(strcmp(address, "*") == 0 ? "" : address, port, answering);
    if (error && error != -ENOENT) status = 1, fprintf(stderr, "%s %d %s: %s\n", address, port, answering, strerror(-error));
  }
  return status;
}

int flows_forget(int family, const char *address, int port) {
  unsigned char bytes[16];
  struct message message = {
      .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg)),
                 .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
      .family = {.nfgen_family = (uint8_t)family, .version = NFNETLINK_V0},
  };
  struct nlattr *tuple;
  if (*address) {
    if (inet_pton(family, address, bytes) != 1) return -EINVAL;
    tuple = add(&message, CTA_TUPLE_REPLY | NLA_F_NESTED, NULL, 0);
    struct nlattr *ip = add(&message, CTA_TUPLE_IP | NLA_F_NESTED, NULL, 0);
    add(&message, family == AF_INET ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, bytes, family == AF_INET ? 4 : 16);
    end(&message, ip);
    add_udp(&message, NULL);
    end(&message, tuple);
    add_filter(&message, 0, IP_SRC | PROTO_NUM);
  } else {
    uint16_t number = htons((uint16_t)port);
    tuple = add(&message, CTA_TUPLE_ORIG | NLA_F_NESTED, NULL, 0);
    add_udp(&message, &number);
    end(&message, tuple);
    add_filter(&message, DST_PORT | PROTO_NUM, 0);
  }
  return talk(&message);
}
