// The packet filter of pods. nft compiles its rules once, for all of them: it costs a pod as much as all the rest of its
// start. What the kernel then tells of the table is what it wants to hear to make another, but for the handles and counts
// that it adds itself: netlink's messages are the same both ways (linux/netfilter/nf_tables.h).
#include "launcher.h"
#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { ROOM = 1 << 20, HEAD = NLMSG_LENGTH(sizeof(struct nfgenmsg)) };

static char batch[ROOM], answer[1 << 16];
static size_t batched;
static unsigned numbers;

static int open_netfilter(void) {
  int link = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (link < 0) fail("talk to netfilter");
  return link;
}

static void put(struct nlmsghdr *message, int type, const void *value, size_t bytes) {
  struct nlattr *field = (void *)((char *)message + message->nlmsg_len);
  *field = (struct nlattr){.nla_type = type, .nla_len = NLA_HDRLEN + bytes};
  memcpy((char *)field + NLA_HDRLEN, value, bytes);
  message->nlmsg_len += NLMSG_ALIGN(field->nla_len);
}

static struct nlmsghdr *begin(char *at, int type, int flags, int family, int subsystem) {
  struct nlmsghdr *message = memset(at, 0, HEAD);
  *message = (struct nlmsghdr){.nlmsg_len = HEAD, .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};
  *(struct nfgenmsg *)NLMSG_DATA(message) = (struct nfgenmsg){.nfgen_family = family, .res_id = htons(subsystem)};
  return message;
}

static void end(struct nlmsghdr *message) {
  message->nlmsg_seq = ++numbers;
  batched += NLMSG_ALIGN(message->nlmsg_len);
}

// What the kernel gives to what it makes.
static int is_its_own(int type, int field) {
  switch (type) {
  case NFT_MSG_NEWTABLE: return field == NFTA_TABLE_HANDLE || field == NFTA_TABLE_USE;
  case NFT_MSG_NEWCHAIN: return field == NFTA_CHAIN_HANDLE || field == NFTA_CHAIN_USE || field == NFTA_CHAIN_COUNTERS;
  // Newer kernels tell of its type and size, too, and refuse to be told.
  case NFT_MSG_NEWSET: return field == NFTA_SET_HANDLE || field > NFTA_SET_EXPRESSIONS;
  case NFT_MSG_NEWRULE: return field == NFTA_RULE_HANDLE || field == NFTA_RULE_POSITION;
  default: return 0;
  }
}

static void list(int type, int family, const char *table, const char *set);

// Turns one thing of which the kernel told us into the wish for another.
static void wish(struct nlmsghdr *told) {
  int type = told->nlmsg_type & 0xff;
  struct nfgenmsg *head = NLMSG_DATA(told);
  if (batched + told->nlmsg_len + 64 > ROOM) errno = EMSGSIZE, fail("take in the packet filter");
  int flags = NLM_F_CREATE | (type == NFT_MSG_NEWRULE ? NLM_F_APPEND : 0);
  struct nlmsghdr *message = begin(batch + batched, told->nlmsg_type, flags, head->nfgen_family, 0);
  const char *table = "", *set = "";
  for (char *at = (char *)told + HEAD, *last = (char *)told + told->nlmsg_len; at + NLA_HDRLEN <= last;) {
    struct nlattr *field = (void *)at;
    int kind = field->nla_type & NLA_TYPE_MASK;
    if (field->nla_len < NLA_HDRLEN || at + field->nla_len > last) errno = EPROTO, fail("understand netfilter");
    if (!is_its_own(type, kind)) put(message, field->nla_type, at + NLA_HDRLEN, field->nla_len - NLA_HDRLEN);
    if (type == NFT_MSG_NEWSET && kind == NFTA_SET_TABLE) table = at + NLA_HDRLEN;
    if (type == NFT_MSG_NEWSET && kind == NFTA_SET_NAME) set = at + NLA_HDRLEN;
    at += NLA_ALIGN(field->nla_len);
  }
  if (type == NFT_MSG_NEWSET) {
    unsigned id = htonl(numbers);
    put(message, NFTA_SET_ID, &id, sizeof id);
  }
  end(message);
  if (*set) list(NFT_MSG_GETSETELEM, head->nfgen_family, table, set);
}

// Each list comes on a link of its own: the elements of a set are asked for in the middle of the list of sets.
static void list(int type, int family, const char *table, const char *set) {
  char question[1024], *told = malloc(sizeof answer);
  int link = open_netfilter();
  struct nlmsghdr *message = begin(question, NFNL_SUBSYS_NFTABLES << 8 | type, NLM_F_DUMP, family, 0);
  if (set) {
    put(message, NFTA_SET_ELEM_LIST_TABLE, table, strlen(table) + 1);
    put(message, NFTA_SET_ELEM_LIST_SET, set, strlen(set) + 1);
  }
  if (!told || send(link, question, message->nlmsg_len, 0) < 0) fail("ask netfilter");
  while (1) {
    int left = recv(link, told, sizeof answer, 0);
    if (left < 0) fail("hear netfilter");
    for (struct nlmsghdr *one = (void *)told; NLMSG_OK(one, (unsigned)left); one = NLMSG_NEXT(one, left)) {
      if (one->nlmsg_type == NLMSG_DONE) {
        free(told), close(link);
        return;
      }
      if (one->nlmsg_type == NLMSG_ERROR) errno = -((struct nlmsgerr *)NLMSG_DATA(one))->error, fail("list the filter");
      wish(one);
    }
  }
}

static void write_all(const char *from, size_t bytes) {
  for (ssize_t wrote; bytes > 0; from += wrote, bytes -= wrote)
    if ((wrote = write(1, from, bytes)) < 0) fail("write the packet filter");
}

// In namespaces of our own, as the only user there is.
static void be_alone(void) {
  char map[64], groups[64];
  snprintf(map, sizeof map, "0 %d 1", geteuid());
  snprintf(groups, sizeof groups, "0 %d 1", getegid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) fail("make namespaces");
  write_file("/proc/self/setgroups", "deny");
  write_file("/proc/self/uid_map", map);
  write_file("/proc/self/gid_map", groups);
}

static void run_nft(void) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  must(dup2(2, 1));
  execlp("nft", "nft", "-f", "-", NULL);
  fail("start nft");
}

// Zero, or why the kernel would not.
static int make_filter(const void *wishes, size_t bytes) {
  int link = open_netfilter();
  if (send(link, wishes, bytes, 0) < 0 || recv(link, answer, sizeof answer, 0) < 0) fail("talk to netfilter");
  close(link);
  struct nlmsghdr *said = (void *)answer;
  return said->nlmsg_type == NLMSG_ERROR ? -((struct nlmsgerr *)NLMSG_DATA(said))->error : EPROTO;
}

int run_filter(void) {
  be_alone();
  pid_t child = fork();
  if (child < 0) fail("start nft");
  if (child == 0) run_nft();
  int status;
  must(waitpid(child, &status, 0));
  if (status != 0) return FAILED; // it has said why
  end(begin(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  list(NFT_MSG_GETTABLE, AF_UNSPEC, NULL, NULL);
  list(NFT_MSG_GETCHAIN, AF_UNSPEC, NULL, NULL);
  list(NFT_MSG_GETSET, AF_UNSPEC, NULL, NULL);
  size_t rules = batched;
  list(NFT_MSG_GETRULE, AF_UNSPEC, NULL, NULL);
  // The last one is answered, after all of them.
  struct nlmsghdr *last = NULL;
  for (size_t at = rules; at < batched; at += NLMSG_ALIGN(last->nlmsg_len)) last = (void *)(batch + at);
  if (!last) errno = ENOENT, fail("find a rule in the packet filter");
  last->nlmsg_flags |= NLM_F_ACK;
  end(begin(batch + batched, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  // A kernel may tell of more than it wants to hear: the proof is one made from it.
  if (unshare(CLONE_NEWNET) < 0) fail("make a network namespace");
  if (make_filter(batch, batched) != 0) return NOT_REPEATED;
  write_all(batch, batched);
  return 0;
}

void filter_packets(int filter) {
  struct stat facts;
  must(fstat(filter, &facts));
  const char *wishes = mmap(NULL, facts.st_size, PROT_READ, MAP_PRIVATE, filter, 0);
  if (wishes == MAP_FAILED) fail("read the packet filter");
  if (*wishes == NLMSG_ALIGN(HEAD)) { // what a batch begins with, and no text does
    errno = make_filter(wishes, facts.st_size);
    if (errno) fail("set the packet filter");
    return;
  }
  pid_t child = fork();
  if (child < 0) fail("start nft");
  if (child == 0) {
    become_root(); // a program has the rights of the pod's root only as that
    must(dup2(filter, 0));
    run_nft();
  }
  int status;
  must(waitpid(child, &status, 0));
  if (status != 0) _exit(FAILED); // it has said why
}
