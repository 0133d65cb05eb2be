// SPDX-License-Identifier: Apache-2.0
// event_loop: one thread waits for everything. A callback belongs to a descriptor until Remove(); it may add and remove
// any, itself included.
//
// While callbacks run, a SIGALRM every kAlarmMilliseconds ends what the kernel lets a signal end: the close of a socket
// with SO_LINGER (socket(7)), which a hostile client can leave to us by sending it and closing its own.
//
// THREADS  Thread-compatible. Has the process's SIGALRM and ITIMER_REAL.
// Tested by tests/unit/supervisor/startup_test.cc.
#ifndef FORCEBIND_SUPERVISOR_EVENT_LOOP_H_
#define FORCEBIND_SUPERVISOR_EVENT_LOOP_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sys/unique_fd.h"

namespace forcebind {

class EventLoop {
 public:
  using Callback = std::function<void(uint32_t events)>;

  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();

  // `fd` is borrowed and must stay open until Remove(). `events` are EPOLLIN and the like, level-triggered.
  absl::Status Add(int fd, uint32_t events, Callback callback);
  absl::Status Change(int fd, uint32_t events);
  void Remove(int fd);

  // Waits at most `timeout_ms` (-1: as long as it takes) and runs what is ready.
  absl::Status RunOnce(int timeout_ms);
  absl::Status RunUntilStopped();
  void Stop() { stopped_ = true; }

 private:
  explicit EventLoop(UniqueFd epoll) : epoll_(std::move(epoll)) {}

  // A number per Add(), so that an event that is already here when its descriptor is removed, and the number of the
  // descriptor given out again, does not go to the newcomer.
  struct Entry {
    int fd;
    std::shared_ptr<Callback> callback;
  };
  UniqueFd epoll_;
  uint64_t next_ = 1;
  absl::flat_hash_map<int, uint64_t> ids_;
  absl::flat_hash_map<uint64_t, Entry> entries_;
  bool stopped_ = false;
};

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_EVENT_LOOP_H_
