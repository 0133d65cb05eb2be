// SPDX-License-Identifier: Apache-2.0
// supervisor_process: a forcebind-supervisor of one's own, in the calling thread's namespaces.
#ifndef FORCEBIND_BENCH_SUPERVISOR_PROCESS_H_
#define FORCEBIND_BENCH_SUPERVISOR_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace forcebind::bench {

class SupervisorProcess {
 public:
  // Started, and ready. `bpffs` is the mount point of a bpffs.
  static absl::StatusOr<std::unique_ptr<SupervisorProcess>> Start(const std::string& bpffs);
  // Ends it, and removes its files; what it has put into the kernel goes with the bpffs.
  ~SupervisorProcess();

  pid_t pid() const { return pid_; }
  std::string socket() const { return directory_ + "/supervisor.sock"; }

 private:
  explicit SupervisorProcess(std::string directory) : directory_(std::move(directory)) {}
  absl::Status Launch(const std::string& bpffs);

  std::string directory_;
  pid_t pid_ = -1;
};

}  // namespace forcebind::bench

#endif  // FORCEBIND_BENCH_SUPERVISOR_PROCESS_H_
