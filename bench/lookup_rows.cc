// SPDX-License-Identifier: Apache-2.0
// lookup_rows: one run of hook-b's sk_lookup program for a published port, with few and with many known exact
// listeners, by BPF_PROG_TEST_RUN. Each size has maps of its own, so that the sizes can take turns.
#include <errno.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/rows.h"
#include "bench/series.h"
#include "supervisor/bpf_backend.h"
#include "supervisor/bpf_test_run.h"
#include "sys/errno_status.h"
#include "sys/sockaddr.h"
#include "sys/unique_fd.h"

namespace forcebind::bench {
namespace {

constexpr uint16_t kPort = 8080;
constexpr int kRunsPerSample = 20000;
constexpr int kSamplesPerRound = 5;

absl::StatusOr<UniqueFd> PrivateListener() {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const SockAddr name = SockAddrV4(IpAddress::V4(0x7f540301).bytes().data(), kPort);
  if (!fd.valid() || bind(fd.get(), name.get(), name.size) != 0 || listen(fd.get(), 1) != 0) {
    return ErrnoStatus(errno, "listen on 127.84.3.1:8080");
  }
  return fd;
}

absl::StatusOr<std::unique_ptr<BpfBackend>> Publish(const TestNetwork& network, int listener, uint32_t known) {
  auto backend = BpfBackend::Create(
      {.bpf_dir = absl::StrCat(network.bpffs(), "/known", known), .cgroup_path = network.cgroup_root()});
  if (!backend.ok()) return backend.status();
  auto group = (*backend)->NewGroup();
  if (!group.ok()) return group.status();
  absl::Status status = (*backend)->AddSocket(*group, listener);
  const Route route{.key = {Protocol::kTcp, kPort, Prefix::All(Family::kIpv4)}, .group = *group};
  if (status.ok()) status = (*backend)->AddRoutes({route});
  if (status.ok()) status = PretendExactListeners(**backend, known);
  if (!status.ok()) return status;
  return backend;
}

// What a connection from 192.0.2.100 to that port of 192.0.2.7 costs the program. The kernel says whole nanoseconds.
absl::StatusOr<std::vector<double>> RunMany(const BpfBackend& backend, uint16_t port) {
  const LookupQuestion question = {.local = {IpAddress::V4(0xc0000207), port},
                                   .remote = {IpAddress::V4(0xc0000264), 40000}};
  std::vector<double> samples;
  while (samples.size() < kSamplesPerRound) {
    absl::StatusOr<LookupAnswer> answer = RunLookup(backend, question, kRunsPerSample);
    if (!answer.ok()) return answer.status();
    samples.push_back(answer->nanoseconds_each);
  }
  return samples;
}

}  // namespace

absl::Status LookupRows(const Setting& setting, Report* report) {
  auto listener = PrivateListener();
  if (!listener.ok()) return listener.status();
  std::vector<std::unique_ptr<BpfBackend>> backends;
  std::vector<Contestant> contestants;
  for (const uint32_t known : {1, 1000, 100000}) {
    auto backend = Publish(setting.network, listener->get(), known);
    if (!backend.ok()) return backend.status();
    backends.push_back(*std::move(backend));
    contestants.push_back(
        {absl::StrCat(known, " known"), [&asked = *backends.back()] { return RunMany(asked, kPort); }});
  }
  contestants.push_back(
      {"100000 known, another port", [&asked = *backends.back()] { return RunMany(asked, kPort + 1); }});
  auto series = TakeTurns(contestants, setting.rounds);
  if (!series.ok()) return series.status();
  report->AddSeries("sk_lookup program", "ns", *series, false);
  report->AddTarget("sk_lookup: 1,000 known / 1 known", Ratio(series->at(1), series->at(0)), 1.10);
  report->AddTarget("sk_lookup: 100,000 known / 1 known", Ratio(series->at(2), series->at(0)), 1.10);
  return absl::OkStatus();
}

}  // namespace forcebind::bench
