// SPDX-License-Identifier: Apache-2.0
// Who the process is, and where: users, capabilities, directories, namespaces.
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"

static void User(const struct Line* line, struct Answer* answer) {
  const char* call = line->words[0];
  const unsigned id = (unsigned)Number(Word(line, 1));
  if (strcmp(call, "setuid") == 0) SetResult(answer, setuid(id));
  if (strcmp(call, "seteuid") == 0) SetResult(answer, seteuid(id));
  if (strcmp(call, "setgid") == 0) SetResult(answer, setgid(id));
  if (strcmp(call, "setegid") == 0) SetResult(answer, setegid(id));
}

static void Groups(const struct Line* line, struct Answer* answer) {
  gid_t groups[kMaxWords];
  for (int i = 1; i < line->count; ++i) groups[i - 1] = (gid_t)Number(line->words[i]);
  SetResult(answer, setgroups((size_t)line->count - 1, groups));
}

// Effective and permitted: only the capabilities with these numbers.
static void Capabilities(const struct Line* line, struct Answer* answer) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{0}};
  for (int i = 1; i < line->count; ++i) {
    const int capability = Number(line->words[i]);
    data[capability / 32].effective |= 1u << capability % 32;
    data[capability / 32].permitted |= 1u << capability % 32;
  }
  SetResult(answer, syscall(SYS_capset, &header, data));
}

static void KeepCapabilities(const struct Line* line, struct Answer* answer) {
  (void)line;
  SetResult(answer, prctl(PR_SET_KEEPCAPS, 1));
}

static void SetDumpable(const struct Line* line, struct Answer* answer) {
  SetResult(answer, prctl(PR_SET_DUMPABLE, Number(Word(line, 1))));
}

static void Umask(const struct Line* line, struct Answer* answer) {
  SetResult(answer, umask((mode_t)Number(Word(line, 1))));
}

static void Directory(const struct Line* line, struct Answer* answer) {
  const char* call = line->words[0];
  const char* path = Word(line, 1);
  if (strcmp(call, "chdir") == 0) SetResult(answer, chdir(path));
  if (strcmp(call, "chroot") == 0) SetResult(answer, chroot(path));
  if (strcmp(call, "unlink") == 0) SetResult(answer, unlink(path));
  if (strcmp(call, "rmdir") == 0) SetResult(answer, rmdir(path));
  if (strcmp(call, "mkdir") == 0) SetResult(answer, mkdir(path, (mode_t)Number(Word(line, 2))));
  if (strcmp(call, "chmod") == 0) SetResult(answer, chmod(path, (mode_t)Number(Word(line, 2))));
}

// The mount namespace's mounts are made private, so that a tmpfs stays in it.
static void MountTmpfs(const struct Line* line, struct Answer* answer) {
  mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
  SetResult(answer, mount("none", Word(line, 1), "tmpfs", 0, NULL));
}

static void Unshare(const struct Line* line, struct Answer* answer) {
  const char* what = Word(line, 1);
  const int flag = strcmp(what, "files") == 0  ? CLONE_FILES
                   : strcmp(what, "fs") == 0   ? CLONE_FS
                   : strcmp(what, "mnt") == 0  ? CLONE_NEWNS
                   : strcmp(what, "net") == 0  ? CLONE_NEWNET
                   : strcmp(what, "pid") == 0  ? CLONE_NEWPID
                   : strcmp(what, "user") == 0 ? CLONE_NEWUSER
                                               : 0;
  SetResult(answer, unshare(flag));
}

static void Stat(const struct Line* line, struct Answer* answer) {
  struct stat info;
  const int result = lstat(Word(line, 1), &info);
  SetResult(answer, result);
  if (result == 0) Say(answer, "mode %o uid %u gid %u", info.st_mode, info.st_uid, info.st_gid);
}

int IdentityCall(const struct Line* line, struct Answer* answer) {
  static const struct {
    const char* call;
    void (*run)(const struct Line*, struct Answer*);
  } kCalls[] = {{"setuid", User},          {"seteuid", User},
                {"setgid", User},          {"setegid", User},
                {"setgroups", Groups},     {"setcaps", Capabilities},
                {"umask", Umask},          {"keepcaps", KeepCapabilities},
                {"dumpable", SetDumpable}, {"chdir", Directory},
                {"chroot", Directory},     {"unlink", Directory},
                {"rmdir", Directory},      {"mkdir", Directory},
                {"chmod", Directory},      {"tmpfs", MountTmpfs},
                {"unshare", Unshare},      {"stat", Stat}};
  for (size_t i = 0; i < sizeof(kCalls) / sizeof(kCalls[0]); ++i) {
    if (strcmp(line->words[0], kCalls[i].call) == 0) {
      kCalls[i].run(line, answer);
      return 1;
    }
  }
  return 0;
}
