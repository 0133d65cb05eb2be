// SPDX-License-Identifier: Apache-2.0
#include "supervisor/bpf_tracker.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "supervisor/bpf_grace.h"
#include "supervisor/mapped_array.h"
#include "sys/errno_status.h"
#include "sys/sock_diag.h"

namespace forcebind {
namespace {

// Entries of 0 that are worth a sweep; a small table is swept when a quarter of it is wasted.
constexpr uint32_t kManyZeros = 1024;

}  // namespace

absl::StatusOr<BpfTracker> BpfTracker::Open(const BpfPrograms& programs, fb_state* state) {
  BpfTracker tracker(programs, state);
  auto exact = programs.Table<fb_exact_key, uint32_t>("exact");
  auto records = programs.Table<uint64_t, fb_exact_key>("records");
  if (!exact.ok()) return exact.status();
  if (!records.ok()) return records.status();
  tracker.exact_ = *std::move(exact);
  tracker.records_ = *std::move(records);
  return tracker;
}

absl::Status BpfTracker::Seed() {
  if (auto tcp = Walk("fb_seed_tcp"); !tcp.ok()) return tcp.status();
  return Walk("fb_seed_udp").status();
}

absl::StatusOr<BpfTracker::Cookies> BpfTracker::Walk(const char* program) const {
  UniqueFd link(bpf_link_create(programs_->program(program), 0, BPF_TRACE_ITER, nullptr));
  if (!link.valid()) return ErrnoStatus(errno, absl::StrCat("attach the BPF iterator ", program));
  UniqueFd walk(bpf_iter_create(link.get()));
  if (!walk.valid()) return ErrnoStatus(errno, absl::StrCat("start the BPF iterator ", program));
  Cookies cookies;
  uint64_t buffer[512];
  size_t held = 0;  // bytes of a cookie that a read cut in two
  for (;;) {
    const ssize_t got = read(walk.get(), reinterpret_cast<char*>(buffer) + held, sizeof(buffer) - held);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return ErrnoStatus(errno, absl::StrCat("run the BPF iterator ", program));
    if (got == 0) return cookies;
    const size_t bytes = held + got, whole = bytes / sizeof(uint64_t);
    cookies.insert(buffer, buffer + whole);
    held = bytes % sizeof(uint64_t);
    std::copy_n(reinterpret_cast<char*>(buffer + whole), held, reinterpret_cast<char*>(buffer));
  }
}

absl::StatusOr<std::vector<uint64_t>> BpfTracker::Records() const {
  std::vector<uint64_t> cookies;
  absl::Status status = records_.ForEach([&](uint64_t cookie, const fb_exact_key&) {
    cookies.push_back(cookie);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return cookies;
}

absl::Status BpfTracker::Forget(uint64_t cookie) {
  fb_forget_args args{cookie};
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.ctx_in = &args;
  options.ctx_size_in = sizeof(args);
  if (bpf_prog_test_run_opts(programs_->program("fb_forget"), &options) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "run the BPF program fb_forget");
}

absl::Status BpfTracker::Reconcile() {
  // The records first: what comes between the readings is met by the later ones, or not looked for.
  auto before = Records();
  if (!before.ok()) return before.status();
  auto met = Walk("fb_seed_udp");
  if (!met.ok()) return met.status();
  auto listed = ListListeners();
  if (!listed.ok()) return listed.status();
  for (const DiagSocket& socket : *listed) met->insert(socket.cookie);
  Cookies missed;
  std::vector<uint64_t> missed_twice;
  for (uint64_t cookie : *before) {
    if (met->contains(cookie)) continue;
    if (suspects_.contains(cookie)) {
      missed_twice.push_back(cookie);
    } else {
      missed.insert(cookie);
    }
  }
  suspects_ = std::move(missed);
  return missed_twice.empty() ? absl::OkStatus() : ForgetUnlessMet(missed_twice);
}

absl::Status BpfTracker::ForgetUnlessMet(const std::vector<uint64_t>& cookies) {
  auto met = Walk("fb_seed_tcp");
  if (!met.ok()) return met.status();
  for (uint64_t cookie : cookies) {
    if (met->contains(cookie)) continue;
    if (absl::Status status = Forget(cookie); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> BpfTracker::Sweep() {
  if (state_->both_generations != 0 && !grace_passed_) grace_passed_ = WaitForRunningPrograms();
  const uint32_t current = state_->generation & 1;
  uint32_t zeros = 0, kept = 0;
  absl::Status status = exact_.ForEach([&](const fb_exact_key& key, uint32_t count) {
    if (key.generation == current) {
      zeros += count == 0;
    } else if (count == 0 && grace_passed_) {
      return exact_.Erase(key);
    } else {
      ++kept;
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  if (grace_passed_ && kept == 0) Store(state_->both_generations, 0);
  return zeros;
}

void BpfTracker::Flip() {
  // In this order: a lookup that sees the new generation looks at the old one, too.
  Store(state_->both_generations, 1);
  Store(state_->generation, (state_->generation & 1) ^ 1);
  grace_passed_ = false;
}

absl::Status BpfTracker::Tick() {
  if (absl::Status status = Reconcile(); !status.ok()) return status;
  absl::StatusOr<uint32_t> zeros = Sweep();
  if (!zeros.ok()) return zeros.status();
  const bool old_is_swept = state_->both_generations == 0 || grace_passed_;
  if (*zeros < std::min(kManyZeros, exact_.max_entries() / 4) || !old_is_swept) return absl::OkStatus();
  Flip();
  return Sweep().status();
}

}  // namespace forcebind
