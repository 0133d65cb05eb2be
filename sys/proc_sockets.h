// SPDX-License-Identifier: Apache-2.0
// proc_sockets: which processes hold a socket, by the inode numbers in /proc/PID/fd (proc(5)). Processes that may not
// be looked into are not found; a socket may be held by several. Nor is one found that is in no table: on its way in a
// message (SCM_RIGHTS), or registered with io_uring.
//
// Tested by tests/unit/sys/process_list_test.cc.
#ifndef FORCEBIND_SYS_PROC_SOCKETS_H_
#define FORCEBIND_SYS_PROC_SOCKETS_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace forcebind {

struct SocketHolder {
  pid_t pid = 0;
  int fd = -1;          // one of its descriptors of the socket
  std::string command;  // /proc/PID/comm
};

// For each inode of `wanted` that was found, the holder with the lowest pid: of a server with workers, most often the
// first.
std::map<uint32_t, SocketHolder> FindSocketHolders(const std::set<uint32_t>& wanted);

// The sockets that a process has in its tables of descriptors, those of its threads included. An errno: ESRCH, it is
// gone; any other, not all of them are to be seen.
int SocketsOfProcess(pid_t pid, std::set<uint32_t>* inodes);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_PROC_SOCKETS_H_
