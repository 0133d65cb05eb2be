// SPDX-License-Identifier: Apache-2.0
// text_file: a configuration file as text.
#ifndef FORCEBIND_CONFIG_TEXT_FILE_H_
#define FORCEBIND_CONFIG_TEXT_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace forcebind {

inline constexpr size_t kMaxTextFileSize = 256 * 1024;

// The status of the failed system call (NOT_FOUND, PERMISSION_DENIED, …); INVALID_ARGUMENT for a file over the limit.
absl::StatusOr<std::string> ReadTextFile(const std::string& path);

}  // namespace forcebind

#endif  // FORCEBIND_CONFIG_TEXT_FILE_H_
