// What both halves of the launcher use. See main.c.
#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FAILED = 125, NOT_REPEATED = 124, MOST_BYTES = 64 << 20 };

extern int complaints; // where we say what is wrong
extern sigset_t handed_on;

// Says what failed, and errno's reason, and ends.
__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *format, ...);

#define must(call) \
  do { \
    if ((call) < 0) fail("%s", #call); \
  } while (0)

void write_file(const char *path, const char *text);

// What we are told comes on standard input. When that ends nobody wants anything any more, and so do we.
void read_exactly(char *to, size_t bytes);
void read_line(char *to, size_t room);
char *read_text(size_t bytes); // with a zero byte behind it
char *next_field(char **at, const char *end);

void join_groups(char **files);
void become_root(void); // the pod's

// Waits until a child ends, and gives 128 + n after signal n. Signals for us go to it, or to all that we see.
int wait_for(pid_t child, int all);

int run_pod(const char *folder, int filtered, char **group_files);
void filter_packets(int filter); // a file with what run_filter wrote, or with rules for nft
int run_filter(void);
int run_tunnel(const char *pod, int open_device, char **group_files);
int run_command(const char *pod, char **group_files);
