// SPDX-License-Identifier: Apache-2.0
#include "launcher/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "absl/strings/numbers.h"
#include "launcher/printable.h"
#include "sys/errno_status.h"

namespace forcebind {
namespace {
constexpr size_t kUnknownWidth = 80;
constexpr size_t kWidest = 10000;
}  // namespace

int Print(const std::string& text) {
  const bool written = fwrite(text.data(), 1, text.size(), stdout) == text.size() && fflush(stdout) == 0;
  return written ? kDone : Complain("output", ErrnoStatus(errno, "write to standard output"));
}

int Complain(const std::string& what, const absl::Status& status, int exit_status) {
  fprintf(stderr, "forcebind: %s: %s\n", what.c_str(), PrintableLine(std::string(status.message())).c_str());
  return exit_status;
}

size_t OutputWidth() {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* columns = getenv("COLUMNS");
  size_t width = 0;
  if (columns != nullptr && absl::SimpleAtoi(columns, &width) && width > 0 && width <= kWidest) return width;
  return kUnknownWidth;
}

}  // namespace forcebind
