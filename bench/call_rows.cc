// SPDX-License-Identifier: Apache-2.0
// call_rows: one system call, plain, under the minimal handler, and under forcebind.
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/programs.h"
#include "bench/rows.h"
#include "sys/errno_status.h"
#include "sys/unique_fd.h"

namespace forcebind::bench {
namespace {

constexpr size_t kCallsPerRound = 200;

absl::StatusOr<std::vector<Series>> CompareOf(const std::vector<Launcher>& launchers, const std::string& operation,
                                              int rounds) {
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<Contestant> contestants;
  for (const Launcher& launcher : launchers) {
    auto worker = Worker::Start(launcher, operation, kCallsPerRound);
    if (!worker.ok()) return worker.status();
    workers.push_back(*std::move(worker));
    contestants.push_back(AsContestant(launcher.name, *workers.back()));
  }
  return TakeTurns(contestants, rounds);
}

// Plain, minimal handler, forcebind: in this order.
absl::StatusOr<std::vector<Series>> Compare(const std::string& operation, int rounds) {
  return CompareOf({Plain(), MinimalHandler(), ForcebindRun()}, operation, rounds);
}

// A file in memory, by a path that other processes can open.
absl::StatusOr<std::string> ProfileOf(const std::string& text, UniqueFd* holder) {
  holder->reset(memfd_create("profile", MFD_CLOEXEC));
  if (write(holder->get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, "write a profile");
  }
  return absl::StrCat("/proc/", getpid(), "/fd/", holder->get());
}

absl::Status NotifiedRows(const std::string& operation, const Setting& setting, Report* report) {
  auto series = Compare(operation, setting.rounds);
  if (!series.ok()) return series.status();
  const Series &minimal = series->at(1), &ours = series->at(2);
  report->AddSeries(operation, "µs", *series);
  report->AddTarget(absl::StrCat(operation, ": forcebind / minimal handler"), Ratio(ours, minimal), 1.10);
  report->AddTarget(absl::StrCat(operation, ": p99 / p50"), ours.Tail() / ours.Median(), 3);
  return absl::OkStatus();
}

}  // namespace

absl::Status BindRows(const Setting& setting, Report* report) { return NotifiedRows("bind", setting, report); }

absl::Status ListenRows(const Setting& setting, Report* report) { return NotifiedRows("listen", setting, report); }

// What is stopped to be looked at, and then left to the kernel or not. The last one's profile says that there is
// nothing to look at.
absl::Status ConnectCallRows(const Setting& setting, Report* report) {
  UniqueFd holder;
  auto profile = ProfileOf("name = \"bench\"\nloopback = \"host\"\n", &holder);
  if (!profile.ok()) return profile.status();
  Launcher untraced = ForcebindRun({"--supervisor", "none", "--profile", *profile});
  untraced.name = "loopback = \"host\"";
  for (const auto& [operation, what] : {std::pair("connect-datagrams", "connect, not loopback (UDP)"),
                                        std::pair("connect-away", "connect, not loopback (TCP, refused)")}) {
    auto series = CompareOf({Plain(), ForcebindRun(), untraced}, operation, setting.rounds);
    if (!series.ok()) return series.status();
    report->AddSeries(what, "µs", *series);
    report->AddTarget(absl::StrCat(what, ": loopback = \"host\" / no filter"), Ratio(series->at(2), series->at(0)),
                      1.1);
  }
  auto home = CompareOf({Plain(), ForcebindRun()}, "connect-home", setting.rounds);
  if (!home.ok()) return home.status();
  report->AddSeries("connect, own listener (TCP)", "µs", *home);
  return absl::OkStatus();
}

absl::Status LetThroughRows(const Setting& setting, Report* report) {
  for (const char* operation : {"getppid", "socket"}) {
    auto series = Compare(operation, setting.rounds);
    if (!series.ok()) return series.status();
    report->AddSeries(absl::StrCat(operation, " (let through)"), "ns", *series, false);
    report->AddTarget(absl::StrCat(operation, ": forcebind / no filter"), Ratio(series->at(2), series->at(0)), 1.2);
  }
  return absl::OkStatus();
}

}  // namespace forcebind::bench
