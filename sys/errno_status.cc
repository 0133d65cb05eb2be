// SPDX-License-Identifier: Apache-2.0
#include "sys/errno_status.h"

#include <string.h>

#include "absl/strings/str_cat.h"

namespace forcebind {

std::string ErrnoName(int error) {
  const char* name = strerrorname_np(error);
  return name != nullptr ? name : absl::StrCat("errno ", error);
}

absl::Status ErrnoStatus(int error, const std::string& what) {
  const char* text = strerrordesc_np(error);
  return absl::Status(absl::ErrnoToStatusCode(error),
                      absl::StrCat(what, ": ", ErrnoName(error), text != nullptr ? absl::StrCat(" (", text, ")") : ""));
}

}  // namespace forcebind
