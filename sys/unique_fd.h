// SPDX-License-Identifier: Apache-2.0
// unique_fd: owns a file descriptor. By value it takes, `int` borrows.
#ifndef FORCEBIND_SYS_UNIQUE_FD_H_
#define FORCEBIND_SYS_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace forcebind {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace forcebind

#endif  // FORCEBIND_SYS_UNIQUE_FD_H_
