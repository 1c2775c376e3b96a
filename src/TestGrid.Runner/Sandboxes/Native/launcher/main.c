// Makes pods, and starts commands in them as containers: what unshare, mount, nsenter and an OCI runtime would do, and
// nothing besides. docs/sandbox.md says what a pod is, docs/adr/0005-own-launcher.md why this exists.
// Linux, static, never setuid: it has the rights of who calls it, and the kernel gives it all others inside only.
//
//   testgrid-launcher pod FOLDER filtered|closed [GROUP-FILE…]      pod.c
//   testgrid-launcher filter                                        filter.c
//   testgrid-launcher tunnel POD-PROCESS open|closed [GROUP-FILE…]  tunnel.c; is the device open to all?
//   testgrid-launcher run POD-PROCESS [GROUP-FILE…]                 container.c
//
// GROUP-FILEs are the cgroup.procs files of control groups: it writes itself into them first.
#include "launcher.h"
#include <stdarg.h>

int complaints = 2;
sigset_t handed_on;

void fail(const char *format, ...) {
  int error = errno;
  char text[1024];
  va_list more;
  va_start(more, format);
  vsnprintf(text, sizeof text, format, more);
  va_end(more);
  dprintf(complaints, "%s: %s\n", text, strerror(error));
  _exit(FAILED);
}

void write_file(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0 || write(file, text, strlen(text)) < 0) fail("write %s", path);
  close(file);
}

void read_exactly(char *to, size_t bytes) {
  while (bytes > 0) {
    ssize_t got = read(0, to, bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("read what to do");
    if (got == 0) _exit(0);
    to += got, bytes -= got;
  }
}

// Byte by byte: what follows may be another's to read.
void read_line(char *to, size_t room) {
  for (char *end = to + room - 1; to < end; to++) {
    read_exactly(to, 1);
    if (*to == '\n') {
      *to = 0;
      return;
    }
  }
  errno = EMSGSIZE, fail("a line of what to do");
}

char *read_text(size_t bytes) {
  char *text = bytes > MOST_BYTES ? NULL : malloc(bytes + 1);
  if (!text) errno = ENOMEM, fail("take in %zu bytes", bytes);
  read_exactly(text, bytes);
  text[bytes] = 0;
  return text;
}

char *next_field(char **at, const char *end) {
  char *field = *at;
  if (field >= end) errno = EINVAL, fail("what to do breaks off");
  *at = field + strlen(field) + 1;
  return field;
}

void join_groups(char **files) {
  for (; *files; files++) write_file(*files, "0");
}

void become_root(void) {
  must(setgroups(0, NULL));
  must(setresgid(0, 0, 0));
  must(setresuid(0, 0, 0));
}

// Signals are blocked and waited for, not handled: none is lost between two lines. One that comes from inside a
// container is the job's own affair.
int wait_for(pid_t child, int all) {
  while (1) {
    siginfo_t what;
    int number = sigwaitinfo(&handed_on, &what), status;
    if (number == SIGTERM || number == SIGHUP) {
      if (!all || what.si_pid == 0) kill(all ? -1 : child, number);
      continue;
    }
    for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;)
      if (ended == child) return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
}

int main(int count, char **words) {
  sigemptyset(&handed_on);
  sigaddset(&handed_on, SIGTERM);
  sigaddset(&handed_on, SIGHUP);
  sigaddset(&handed_on, SIGCHLD);
  sigprocmask(SIG_SETMASK, &handed_on, NULL);
  syscall(SYS_close_range, 3, ~0u, 0);
  if (count >= 4 && !strcmp(words[1], "pod")) return run_pod(words[2], !strcmp(words[3], "filtered"), words + 4);
  if (count >= 4 && !strcmp(words[1], "tunnel")) return run_tunnel(words[2], !strcmp(words[3], "closed"), words + 4);
  if (count == 2 && !strcmp(words[1], "filter")) return run_filter();
  if (count >= 3 && !strcmp(words[1], "run")) return run_command(words[2], words + 3);
  dprintf(2, "usage: %s pod FOLDER filtered|closed … | filter | tunnel POD-PROCESS open|closed … | run POD-PROCESS …\n", *words);
  return FAILED;
}
