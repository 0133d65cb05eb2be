// SPDX-License-Identifier: Apache-2.0
// proc_sockets: which processes hold a socket, by the inode numbers in /proc/PID/fd (proc(5)). Processes that may not
// be looked into are not found; a socket may be held by several.
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

}  // namespace forcebind

#endif  // FORCEBIND_SYS_PROC_SOCKETS_H_
