// SPDX-License-Identifier: Apache-2.0
// lookup_rows: one run of hook-b's sk_lookup program for a published port, with few and with many known exact
// listeners, by BPF_PROG_TEST_RUN. Each size has maps of its own, so that the sizes can take turns.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/rows.h"
#include "bench/series.h"
#include "supervisor/hook_b.h"
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

// Tells the program of `count` listeners on 10.0.0.0/8, none of them where the packets go to.
absl::Status Know(const HookB& backend, uint32_t count) {
  auto exact = backend.programs().Table<fb_exact_key, uint32_t>("exact");
  if (!exact.ok()) return exact.status();
  for (uint32_t i = 0; i < count; ++i) {
    fb_exact_key key = {};
    key.family = FB_FAMILY_IPV4;
    key.protocol = IPPROTO_TCP;
    key.port = htons(kPort);
    const uint32_t address = htonl(0x0a000000 + i);
    memcpy(key.address, &address, sizeof(address));
    if (absl::Status put = exact->Put(key, 1); !put.ok()) return put;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<HookB>> Publish(const TestNetwork& network, int listener, uint32_t known) {
  auto backend =
      HookB::Create({.bpf_dir = absl::StrCat(network.bpffs(), "/known", known), .cgroup_path = network.cgroup_root()});
  if (!backend.ok()) return backend.status();
  auto group = (*backend)->NewGroup();
  if (!group.ok()) return group.status();
  absl::Status status = (*backend)->AddSocket(*group, listener);
  const Route route{.key = {Protocol::kTcp, kPort, Prefix::All(Family::kIpv4)}, .group = *group};
  if (status.ok()) status = (*backend)->AddRoutes({route});
  if (status.ok()) status = Know(**backend, known);
  if (!status.ok()) return status;
  return backend;
}

// `port`: of 192.0.2.7. In nanoseconds; the kernel says whole ones.
absl::StatusOr<std::vector<double>> RunMany(int program, uint16_t port) {
  bpf_sk_lookup context = {};
  context.family = AF_INET;
  context.protocol = IPPROTO_TCP;
  context.remote_ip4 = htonl(0xc0000264);
  context.remote_port = htons(40000);
  context.local_ip4 = htonl(0xc0000207);
  context.local_port = port;
  std::vector<double> samples;
  while (samples.size() < kSamplesPerRound) {
    bpf_test_run_opts options = {};
    options.sz = sizeof(options);
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    options.repeat = kRunsPerSample;
    if (bpf_prog_test_run_opts(program, &options) != 0) return ErrnoStatus(errno, "run the program fb_lookup");
    samples.push_back(options.duration);
  }
  return samples;
}

}  // namespace

absl::Status LookupRows(const Setting& setting, Report* report) {
  auto listener = PrivateListener();
  if (!listener.ok()) return listener.status();
  std::vector<std::unique_ptr<HookB>> backends;
  std::vector<Contestant> contestants;
  for (const uint32_t known : {1, 1000, 100000}) {
    auto backend = Publish(setting.network, listener->get(), known);
    if (!backend.ok()) return backend.status();
    const int program = (*backend)->programs().program("fb_lookup");
    contestants.push_back({absl::StrCat(known, " known"), [program] { return RunMany(program, kPort); }});
    backends.push_back(*std::move(backend));
  }
  const int program = backends.back()->programs().program("fb_lookup");
  contestants.push_back({"100000 known, another port", [program] { return RunMany(program, kPort + 1); }});
  auto series = TakeTurns(contestants, setting.rounds);
  if (!series.ok()) return series.status();
  report->AddSeries("sk_lookup program", "ns", *series, false);
  report->AddTarget("sk_lookup: 1,000 known / 1 known", Ratio(series->at(1), series->at(0)), 1.10);
  report->AddTarget("sk_lookup: 100,000 known / 1 known", Ratio(series->at(2), series->at(0)), 1.10);
  return absl::OkStatus();
}

}  // namespace forcebind::bench
