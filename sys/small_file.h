// SPDX-License-Identifier: Apache-2.0
// small_file: whole files, read at once and replaced at once.
#ifndef FORCEBIND_SYS_SMALL_FILE_H_
#define FORCEBIND_SYS_SMALL_FILE_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sys/unique_fd.h"

namespace forcebind {

// NOT_FOUND if there is none; INVALID_ARGUMENT if it is longer than `max_size` bytes.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t max_size);

// Written beside it, synced and renamed: a reader and a crash see the old text or the new one.
absl::Status ReplaceFile(const std::string& path, const std::string& text, mode_t mode);

// Makes the directory and those above it that are missing.
absl::Status MakeDirectories(const std::string& path, mode_t mode);

// An exclusive lock (flock(2)) on a file, which is made if it is missing; held as long as the descriptor lives,
// whatever happens to the process. ALREADY_EXISTS: another process has it.
absl::StatusOr<UniqueFd> LockFile(const std::string& path);

}  // namespace forcebind

#endif  // FORCEBIND_SYS_SMALL_FILE_H_
