// Becomes slirp4netns, with the ids of a pod and none of ours: a hole in it is a hole into an ordinary user. It says
// «1» on standard output when the pod's network is up, and ends when standard input does.
//
// Where the device of tunnels is closed, root shows it another node of it, in a mount namespace of its own: better than
// to run it as root, and than to change the machine.
#include "launcher.h"
#include <sys/sysmacros.h>

enum { TUN_MAJOR = 10, TUN_MINOR = 200 }; // Documentation/admin-guide/devices.txt

static void show_device(void) {
  if (unshare(CLONE_NEWNS) < 0) fail("make a mount namespace");
  must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
  if (mount("testgrid", "/dev/net", "tmpfs", MS_NOEXEC, "size=4k,mode=755") < 0) fail("mount /dev/net");
  umask(0);
  if (mknod("/dev/net/tun", S_IFCHR | 0666, makedev(TUN_MAJOR, TUN_MINOR)) < 0) fail("make /dev/net/tun");
  umask(022);
}

int run_tunnel(const char *pod, int open_device, char **group_files) {
  char path[64], space[64];
  join_groups(group_files);
  if (open_device) show_device();
  snprintf(path, sizeof path, "/proc/%s/ns/user", pod);
  int user = open(path, O_RDONLY | O_CLOEXEC);
  if (user < 0 || setns(user, CLONE_NEWUSER) < 0) fail("enter the pod's user namespace");
  become_root();
  // It chats on its standard output, so its word of being ready takes another file.
  must(dup2(1, 3));
  must(dup2(2, 1));
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  snprintf(space, sizeof space, "/proc/%s/ns/net", pod);
  execlp("slirp4netns", "slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", "--enable-seccomp",
         "--ready-fd=3", "--exit-fd=0", "--netns-type=path", space, "tap0", NULL);
  fail("start slirp4netns");
}
