// A container in a pod, with one command in it: what an OCI runtime would make.
//
// It enters the pod's namespaces and waits on standard input for its order:
//   TEXT-BYTES FILTER-BYTES\n   then that many bytes of text, then of seccomp program, then what the command reads
// The text is names and values, each ended by a zero byte; see read_order. On its standard error it says «started» when
// the command is about to be executed, or why there will be none. SIGTERM and SIGHUP go on to all that the command
// started. It ends with the command's exit code, 128 + n after signal n.
//
// Four processes: this one outside, one in the pod, the container's first one (it reaps, hands signals on, and is not
// the command, for which the kernel would drop signals that it has no handler for), and the command.
#include "launcher.h"
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { MOST = 512, KEYCTL_JOIN_SESSION_KEYRING = 1, LAST_CAPABILITY = 63 };

// What the order says. Strings lie in the order's text.
static struct {
  char *root, *host, *folder, *shared_memory, *console;
  char *mask[MOST], *readonly[MOST], **words, **env;
  int masks, readonlys, word_count, env_count;
  gid_t groups[MOST];
  int group_count;
  unsigned long long rights; // the bounding set, a bit for each capability
  uid_t user;
  gid_t group;
  struct rlimit files, processes;
  struct winsize window;
  struct sock_fprog filter;
} order;

// ---- the order

static void read_order(void) {
  char head[64];
  size_t text_bytes, filter_bytes;
  read_line(head, sizeof head);
  if (sscanf(head, "%zu %zu", &text_bytes, &filter_bytes) != 2) errno = EINVAL, fail("the order's lengths, %s", head);
  char *at = read_text(text_bytes), *end = at + text_bytes;
  order.filter.len = filter_bytes / sizeof(struct sock_filter);
  order.filter.filter = (struct sock_filter *)read_text(filter_bytes);
  size_t pointers = (text_bytes / 2 + 1) * sizeof(char *); // more than there can be
  order.words = malloc(pointers);
  order.env = malloc(pointers);
  if (!order.words || !order.env) fail("take in the order");

  while (at < end) {
    char *name = next_field(&at, end), *value = next_field(&at, end);
    if (!strcmp(name, "word")) order.words[order.word_count++] = value;
    else if (!strcmp(name, "env")) order.env[order.env_count++] = value;
    else if (!strcmp(name, "root")) order.root = value;
    else if (!strcmp(name, "host")) order.host = value;
    else if (!strcmp(name, "folder")) order.folder = value;
    else if (!strcmp(name, "console")) order.console = value;
    else if (!strcmp(name, "shared-memory")) order.shared_memory = value;
    else if (!strcmp(name, "user")) order.user = strtoul(value, NULL, 10);
    else if (!strcmp(name, "group")) order.group = strtoul(value, NULL, 10);
    else if (!strcmp(name, "right")) order.rights |= 1ull << (strtoul(value, NULL, 10) & LAST_CAPABILITY);
    else if (!strcmp(name, "files")) sscanf(value, "%lu %lu", &order.files.rlim_cur, &order.files.rlim_max);
    else if (!strcmp(name, "processes")) order.processes.rlim_cur = order.processes.rlim_max = strtoul(value, NULL, 10);
    else if (!strcmp(name, "window")) sscanf(value, "%hu %hu", &order.window.ws_col, &order.window.ws_row);
    else if (!strcmp(name, "more-group") && order.group_count < MOST)
      order.groups[order.group_count++] = strtoul(value, NULL, 10);
    else if (!strcmp(name, "mask") && order.masks < MOST) order.mask[order.masks++] = value;
    else if (!strcmp(name, "readonly") && order.readonlys < MOST) order.readonly[order.readonlys++] = value;
    else errno = EINVAL, fail("the order's %s", name);
  }
  order.words[order.word_count] = order.env[order.env_count] = NULL;
  if (!order.root || !order.host || !order.folder || !order.shared_memory || !order.word_count || !order.filter.len)
    errno = EINVAL, fail("the order is not whole");
}

// ---- the way in

// Its standard streams shall be opened by name inside, such as /dev/stdout: they belong to who made them, which is us.
static void enter(const char *pod, char **group_files) {
  static const struct {
    const char *name;
    int type;
  } spaces[] = {{"user", CLONE_NEWUSER}, {"mnt", CLONE_NEWNS},  {"pid", CLONE_NEWPID},
                {"net", CLONE_NEWNET},   {"ipc", CLONE_NEWIPC}, {"cgroup", CLONE_NEWCGROUP}};
  enum { COUNT = sizeof spaces / sizeof *spaces };
  int files[COUNT];
  char path[64];
  join_groups(group_files);
  write_file("/proc/self/oom_score_adj", "500"); // the job goes before the pod's first process and the runner
  for (int stream = 0; stream < 2; stream++) fchmod(stream, 0777);
  for (int i = 0; i < COUNT; i++) {
    snprintf(path, sizeof path, "/proc/%s/ns/%s", pod, spaces[i].name);
    if ((files[i] = open(path, O_RDONLY | O_CLOEXEC)) < 0) fail("open %s", path);
  }
  for (int i = 0; i < COUNT; i++) {
    if (setns(files[i], spaces[i].type) < 0) fail("enter the pod's %s namespace", spaces[i].name);
    close(files[i]);
  }
  become_root();
  must(prctl(PR_SET_DUMPABLE, 0));
}

// ---- the container's files

// A folder to mount on. An earlier command may have put a link there: it would only lead to somewhere in the same root,
// because that is our root by now, but then what is masked below it would be another's.
static void make_folder(const char *path) {
  struct stat facts;
  if (mkdir(path, 0755) < 0 && errno != EEXIST) fail("make %s", path);
  if (lstat(path, &facts) < 0) fail("look at %s", path);
  if (!S_ISDIR(facts.st_mode)) errno = ENOTDIR, fail("%s in the sandbox", path);
}

static void mount_new(const char *type, const char *path, unsigned long flags, const char *options) {
  make_folder(path);
  if (mount(type, path, type, flags, options) < 0) fail("mount %s on %s", type, path);
}

static void show(int file, const char *path) {
  char source[64];
  snprintf(source, sizeof source, "/proc/self/fd/%d", file);
  int target = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (target < 0) fail("make %s", path);
  close(target);
  if (mount(source, path, NULL, MS_BIND, NULL) < 0) fail("show %s", path);
}

// What is not there needs no wall.
static void mask(const char *path) {
  if (mount("/dev/null", path, NULL, MS_BIND, NULL) == 0 || errno == ENOENT) return;
  if (errno != ENOTDIR || mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=4k,nr_inodes=1") < 0) fail("mask %s", path);
}

static void make_readonly(const char *path) {
  if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0) {
    if (errno != ENOENT) fail("bind %s", path);
    return;
  }
  unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (mount(NULL, path, NULL, flags, NULL) < 0) fail("make %s read-only", path);
}

// In a container whose own /sys is not whole the kernel gives no new one: then that one is shown, where nobody writes.
static bool make_system(int system) {
  char source[64];
  make_folder("/sys");
  if (mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, NULL) == 0) return false;
  if (errno != EPERM) fail("mount sysfs on /sys");
  struct mount_attr closed = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
  snprintf(source, sizeof source, "/proc/self/fd/%d", system);
  if (mount(source, "/sys", NULL, MS_BIND | MS_REC, NULL) < 0) fail("show the machine's /sys");
  if (mount_setattr(AT_FDCWD, "/sys", AT_RECURSIVE, &closed, sizeof closed) < 0) fail("make /sys read-only");
  return true;
}

// Gives the terminal's master side to the runner and keeps the other, which is also /dev/console.
static int make_terminal(int runner) {
  int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), number, zero = 0;
  if (master < 0) fail("make a terminal");
  must(ioctl(master, TIOCSPTLCK, &zero));
  must(ioctl(master, TIOCGPTN, &number));
  char name[64];
  snprintf(name, sizeof name, "/dev/pts/%d", number);
  int terminal = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) fail("open %s", name);
  must(ioctl(terminal, TIOCSWINSZ, &order.window));
  must(fchown(terminal, order.user, -1));
  show(terminal, "/dev/console");

  char byte = 't';
  struct iovec part = {&byte, 1};
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
  memcpy(CMSG_DATA(&control.header), &master, sizeof master);
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  message.msg_control = &control, message.msg_controllen = sizeof control;
  must(sendmsg(runner, &message, MSG_NOSIGNAL));
  close(master);
  close(runner);
  return terminal;
}

// The container's root, /proc, /dev and /sys; -1, or the command's terminal.
static int make_files(void) {
  static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};
  enum { COUNT = sizeof devices / sizeof *devices };
  int opened[COUNT], runner = -1, terminal = -1;
  char text[128];

  umask(0);
  must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
  for (int i = 0; i < COUNT; i++) {
    snprintf(text, sizeof text, "/dev/%s", devices[i]);
    if ((opened[i] = open(text, O_PATH | O_CLOEXEC)) < 0) fail("open %s", text);
  }
  if (order.console) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(order.console) >= sizeof at.sun_path) errno = ENAMETOOLONG, fail("%s", order.console);
    strcpy(at.sun_path, order.console);
    must(runner = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(runner, (struct sockaddr *)&at, sizeof at) < 0) fail("connect to %s", order.console);
  }

  // First the root, so that every path from here on is one inside it, whatever links it holds. The old one stays below
  // until the end: the kernel allows a new /proc and /sys only beside others that are seen whole.
  int system = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (old < 0 || chdir(order.root) < 0) fail("enter %s", order.root);
  must(syscall(SYS_pivot_root, ".", "."));
  must(chdir("/"));

  mount_new("proc", "/proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
  mount_new("tmpfs", "/dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=64k");
  mount_new("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
  snprintf(text, sizeof text, "mode=1777,size=%s", order.shared_memory);
  mount_new("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, text);
  mount_new("mqueue", "/dev/mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
  bool is_machines = make_system(system);
  close(system);
  for (int i = 0; i < COUNT; i++) {
    snprintf(text, sizeof text, "/dev/%s", devices[i]);
    show(opened[i], text);
    close(opened[i]);
  }
  must(symlink("/proc/self/fd", "/dev/fd"));
  must(symlink("/proc/self/fd/0", "/dev/stdin"));
  must(symlink("/proc/self/fd/1", "/dev/stdout"));
  must(symlink("/proc/self/fd/2", "/dev/stderr"));
  must(symlink("pts/ptmx", "/dev/ptmx"));
  if (runner >= 0) terminal = make_terminal(runner);
  if (is_machines) mask("/sys/fs/cgroup");
  for (int i = 0; i < order.masks; i++) mask(order.mask[i]);
  for (int i = 0; i < order.readonlys; i++) make_readonly(order.readonly[i]);

  must(fchdir(old));
  must(umount2(".", MNT_DETACH));
  must(chdir("/"));
  close(old);
  umask(022);
  return terminal;
}

// ---- the container's first process, and the command

static void set_rights(unsigned long long rights) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{rights, rights, 0}, {rights >> 32, rights >> 32, 0}};
  must(syscall(SYS_capset, &header, data));
}

// The walls that the command cannot take down again. A setuid program may gain the rights of the bounding set, which
// are those of the pod's root, a stranger on this machine: so no_new_privs is not set, and sudo works.
static void make_walls(void) {
  struct rlimit none = {0, 0};
  must(setrlimit(RLIMIT_CORE, &none));
  must(setrlimit(RLIMIT_NOFILE, &order.files));
  if (order.processes.rlim_max) must(setrlimit(RLIMIT_NPROC, &order.processes));
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS) fail("make a keyring");
  must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &order.filter));
  for (int right = 0; right <= LAST_CAPABILITY; right++)
    if (!(order.rights >> right & 1) && prctl(PR_CAPBSET_DROP, right) < 0 && errno != EINVAL)
      fail("drop right %d", right);
  must(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
  set_rights(order.rights);
}

static void become_command(int terminal) {
  must(setsid());
  if (terminal >= 0) {
    must(ioctl(terminal, TIOCSCTTY, 0));
    for (int stream = 0; stream < 2; stream++) must(dup2(terminal, stream));
  }
  must(complaints = fcntl(2, F_DUPFD_CLOEXEC, 3));
  must(dup2(1, 2));
  must(setgroups(order.group_count, order.groups));
  must(setresgid(order.group, order.group, order.group));
  must(setresuid(order.user, order.user, order.user));
  set_rights(order.user == 0 ? order.rights : 0);
  if (chdir(order.folder) < 0) fail("enter the folder %s", order.folder);
  for (int i = 0; i < order.env_count; i++) // it is looked for on its own path, or else on the one that we have
    if (!strncmp(order.env[i], "PATH=", 5)) setenv("PATH", order.env[i] + 5, 1);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  must(write(complaints, "started\n", 8));
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execvpe(order.words[0], order.words, order.env);
  int error = errno;
  dprintf(2, "%s: %s\n", order.words[0], error == ENOENT ? "not found" : strerror(error));
  _exit(error == ENOENT ? 127 : 126); // as a shell says it
}

static int be_first(void) {
  must(sethostname(order.host, strlen(order.host)));
  int terminal = make_files();
  make_walls();
  pid_t command = fork();
  if (command < 0) fail("start the command");
  if (command == 0) become_command(terminal);
  // Its streams end with the command, and with what the command left them to.
  close(0), close(1), close(2);
  if (terminal >= 0) close(terminal);
  set_rights(order.rights & 1ull << CAP_KILL);
  return wait_for(command, 1);
}

int run_command(const char *pod, char **group_files) {
  enter(pod, group_files);
  // Who has entered a PID namespace is not in it, but its children are: only there can one be made below it, and what
  // waits there for an order ends with the pod.
  pid_t inside = fork();
  if (inside < 0) fail("enter the pod");
  if (inside > 0) {
    close(0), close(1);
    return wait_for(inside, 0);
  }
  read_order();
  pid_t first = syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | SIGCHLD, NULL, NULL, NULL, 0);
  if (first < 0) fail("make the container's namespaces");
  if (first == 0) _exit(be_first());
  close(0), close(1);
  return wait_for(first, 0);
}
