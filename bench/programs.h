// SPDX-License-Identifier: Apache-2.0
// programs: the processes that are measured, and the ways to start them.
#ifndef FORCEBIND_BENCH_PROGRAMS_H_
#define FORCEBIND_BENCH_PROGRAMS_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/series.h"
#include "sys/unique_fd.h"

namespace forcebind::bench {

using Words = std::vector<std::string>;

// The programs of the build, beside this one.
std::string Beside(const std::string& name);
// In PATH; nullopt if it is not there.
std::optional<std::string> InPath(const std::string& name);

// A way to start a program: what stands before it on the command line.
struct Launcher {
  std::string name;
  Words prefix;
};
Launcher Plain();
Launcher MinimalHandler();
Launcher ForcebindRun(Words options = {"--supervisor", "none"});

struct Spawned {
  pid_t pid = -1;
  UniqueFd input, output;  // the other ends of its standard input and output; invalid if not piped
};
absl::StatusOr<Spawned> Spawn(const Words& words, bool piped);
// Waits for its end; the wait status.
int WaitFor(pid_t pid);

// A bench-worker under some launcher.
class Worker {
 public:
  static absl::StatusOr<std::unique_ptr<Worker>> Start(const Launcher& launcher, const std::string& operation,
                                                       size_t count);
  // Ends it, and waits.
  ~Worker();

  absl::StatusOr<std::vector<double>> Round();
  pid_t pid() const { return process_.pid; }

 private:
  Worker(Spawned process, size_t count) : process_(std::move(process)), count_(count) {}
  Spawned process_;
  size_t count_;
};

// The worker as a contestant, which it outlives.
Contestant AsContestant(const std::string& name, Worker& worker);

}  // namespace forcebind::bench

#endif  // FORCEBIND_BENCH_PROGRAMS_H_
