// A pod: a set of namespaces, held by its first process, which waits for the end of standard input, its lifeline.
//
//   it says «namespaces N»   N is its first process's number outside; who started us maps its ids now
//   it hears «go»
//   it says «prepared»       /proc, loopback and packet filter are there: what does not depend on the job
//   it hears «BYTES», and that many bytes of orders
//   it says «ready»          the job's file systems are there
//
// An order is a word and its fields, each ended by a zero byte: see furnish.
#include "launcher.h"
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>

static const int first_opened = 3;

static void raise_loopback(void) {
  struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (any < 0 || ioctl(any, SIOCSIFFLAGS, &loopback) < 0) fail("raise the loopback interface");
  close(any);
}

static void prepare(int rules) {
  must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
  if (mount("testgrid", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) fail("mount /proc");
  // The job gets no user namespaces of its own: they are where kernels break.
  write_file("/proc/sys/user/max_user_namespaces", "0");
  raise_loopback();
  if (rules >= 0) filter_packets(rules);
  close(rules);
}

static void own(const char *path, const char *mode, const char *user, const char *group) {
  if (chown(path, atoi(user), atoi(group)) < 0 || chmod(path, strtoul(mode, NULL, 8)) < 0) fail("give away %s", path);
}

static void make_file(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  ssize_t length = strlen(text);
  if (file < 0 || write(file, text, length) != length) fail("make %s", path);
  close(file);
}

// What the machine has forbidden on the file system stays forbidden: the kernel would not have it otherwise.
static void show_readonly(const char *source, const char *target) {
  struct statvfs facts;
  unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;
  if (mount(source, target, NULL, MS_BIND, NULL) < 0) fail("show something at %s", target);
  must(statvfs(target, &facts));
  if (facts.f_flag & ST_NOEXEC) flags |= MS_NOEXEC;
  if (facts.f_flag & ST_NOATIME) flags |= MS_NOATIME;
  if (facts.f_flag & ST_NODIRATIME) flags |= MS_NODIRATIME;
  if (facts.f_flag & ST_RELATIME) flags |= MS_RELATIME;
  if (mount(NULL, target, NULL, flags, NULL) < 0) fail("make %s read-only", target);
}

// Folders outside are opened while we still are who started us: the pod's root is a stranger on this machine and may
// not be able to walk to them. They are named as /proc/self/fd/3 and so on, in the order in which they were opened.
static void furnish(char *at, const char *end) {
  int opened = 0, root = 0;
  while (at < end) {
    char *word = next_field(&at, end), *path = next_field(&at, end), *field[4];
    if (!strcmp(word, "open")) {
      int file = root ? (errno = EPERM, -1) : open(path, O_PATH | O_CLOEXEC);
      if (file != first_opened + opened++) fail("open %s", path);
      continue;
    }
    if (!root) {
      become_root();
      must(prctl(PR_SET_DUMPABLE, 1)); // else who started us could not look at our namespaces any more
      root = 1;
    }
    int fields = !strcmp(word, "file") ? 4 : !strcmp(word, "folder") ? 3 : 1;
    for (int i = 0; i < fields; i++) field[i] = next_field(&at, end);
    if (!strcmp(word, "folder")) {
      if (mkdir(path, 0700) < 0) fail("make %s", path);
      own(path, field[0], field[1], field[2]);
    } else if (!strcmp(word, "file")) {
      make_file(path, field[3]);
      own(path, field[0], field[1], field[2]);
    } else if (!strcmp(word, "tmpfs")) {
      if (mount("testgrid", path, "tmpfs", MS_NOSUID, field[0]) < 0) fail("mount %s", path);
    } else if (!strcmp(word, "overlay")) {
      if (mount("testgrid", path, "overlay", 0, field[0]) < 0) fail("lay %s over %s", field[0], path);
    } else if (!strcmp(word, "share")) {
      if (mount(field[0], path, NULL, MS_BIND, NULL) < 0) fail("show %s at %s", field[0], path);
    } else if (!strcmp(word, "show")) {
      show_readonly(field[0], path);
    } else {
      errno = EINVAL, fail("%s", word);
    }
  }
  syscall(SYS_close_range, first_opened, ~0u, 0);
}

static int be_first(int rules) {
  char line[32];
  read_line(line, sizeof line);
  prepare(rules);
  must(write(1, "prepared\n", 9));
  read_line(line, sizeof line);
  size_t bytes = strtoul(line, NULL, 10);
  char *orders = read_text(bytes);
  umask(022);
  furnish(orders, orders + bytes);
  signal(SIGCHLD, SIG_IGN); // what is left to us is not kept
  must(write(1, "ready\n", 6));
  while (1) read_exactly(line, 1); // until the lifeline ends
}

int run_pod(const char *folder, int filtered, char **group_files) {
  int rules = -1;
  char path[4096];
  join_groups(group_files);
  snprintf(path, sizeof path, "%s/filter", folder);
  if (filtered && (rules = open(path, O_RDONLY | O_CLOEXEC)) < 0) fail("open %s", path);
  int spaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWCGROUP;
  if (unshare(spaces) < 0) fail("make namespaces");
  pid_t first = fork();
  if (first < 0) fail("start the pod's first process");
  if (first == 0) return be_first(rules);
  dprintf(1, "namespaces %d\n", first);
  close(0), close(1); // the lifeline has one end in here, and that is the first process's
  return wait_for(first, 0);
}
