// SPDX-License-Identifier: Apache-2.0
// pin_dir: the directory on a bpffs where maps and links outlive the supervisor.
//
// THEORY OF OPERATION
//   The content changes as a whole: it is built in a directory beside it (NAME-staging) and exchanged by one rename, so
//   that a crash at any step leaves either the old content or the new one. What stays behind under the staging name is
//   removed by the next one who comes. The lock is flock(2) on the directory's inode; it is taken on the staging
//   directory before the exchange, so that the name is never unlocked while we live, and gone when we die.
// THREADS  Thread-compatible.
// Tested by tests/netns/pin_dir_test.cc.
#ifndef FORCEBIND_SUPERVISOR_PIN_DIR_H_
#define FORCEBIND_SUPERVISOR_PIN_DIR_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sys/unique_fd.h"

namespace forcebind {

class PinDir {
 public:
  // Locks the directory, and makes it if it is missing. FAILED_PRECONDITION: not on a bpffs. ALREADY_EXISTS: another
  // supervisor has it.
  static absl::StatusOr<std::unique_ptr<PinDir>> Open(const std::string& path);
  // Unlocks; removes the directory if it is empty.
  ~PinDir();
  PinDir(const PinDir&) = delete;
  PinDir& operator=(const PinDir&) = delete;

  const std::string& path() const { return path_; }

  // The map or link that is pinned under the name. NOT_FOUND if there is none.
  absl::StatusOr<UniqueFd> Get(const std::string& name) const;

  // Replaces the whole content by what `fill` pins into the directory whose path it is given. If it fails, the old
  // content stays.
  absl::Status Replace(const std::function<absl::Status(const std::string& staging)>& fill);

  // Removes the directory with all that is pinned in it; what its links (link_NAME) attached has stopped when the call
  // returns. OK if there is none. ALREADY_EXISTS: a supervisor has it.
  static absl::Status Remove(const std::string& path);

 private:
  PinDir(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  UniqueFd lock_;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_PIN_DIR_H_
