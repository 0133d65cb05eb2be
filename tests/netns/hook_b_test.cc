// SPDX-License-Identifier: Apache-2.0
// What backend hook-b does beyond the conformance table: errors, limits, housekeeping, the supervisor's tables.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "supervisor/bpf_backend.h"
#include "supervisor/bpf_test_run.h"
#include "sys/capabilities.h"
#include "sys/small_file.h"
#include "sys/socket_info.h"
#include "tests/support/netns.h"

namespace forcebind {
namespace {

#define ASSERT_OK(...)                                         \
  do {                                                         \
    const absl::Status status_of_it = (__VA_ARGS__);           \
    ASSERT_TRUE(status_of_it.ok()) << status_of_it.ToString(); \
  } while (0)

class HookBTest : public testing::Test {
 protected:
  void SetUp() override {
    auto network = TestNetwork::Create();
    ASSERT_OK(network.status());
    network_ = *std::move(network);
    options_ = {.bpf_dir = network_->bpffs() + "/forcebind", .cgroup_path = network_->cgroup_root(), .max_exact = 256};
  }

  void Start() {
    backend_.reset();
    auto backend = BpfBackend::Create(options_);
    ASSERT_OK(backend.status());
    backend_ = *std::move(backend);
  }

  absl::Status StartError() { return BpfBackend::Create(options_).status(); }

  static UniqueFd Listen(const char* address, uint16_t port) {
    UniqueFd fd = Bind(address, port, SOCK_STREAM);
    EXPECT_EQ(listen(fd.get(), 1), 0);
    return fd;
  }

  static UniqueFd Bind(const char* address, uint16_t port, int type = SOCK_DGRAM) {
    UniqueFd fd(socket(AF_INET, type | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    inet_pton(AF_INET, address, &at.sin_addr);
    EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof(at)), 0) << strerror(errno);
    return fd;
  }

  // Publishes a listener of our own for every IPv4 address; its cookie.
  uint64_t PublishEverywhere(const UniqueFd& listener, uint16_t port, bool guard = false) {
    const GroupId group = *backend_->NewGroup();
    EXPECT_TRUE(backend_->AddSocket(group, listener.get()).ok());
    EXPECT_TRUE(
        backend_
            ->AddRoutes({{.key = {Protocol::kTcp, port, Prefix::All(Family::kIpv4)}, .group = group, .guard = guard}})
            .ok());
    return SocketCookie(listener.get());
  }

  // The cookie of who would get a connection, 0 for the kernel's own lookup.
  uint64_t WhoGets(const char* address, uint16_t port) {
    auto answer = RunLookup(*backend_, {.protocol = Protocol::kTcp,
                                        .local = {*IpAddress::Parse(address), port},
                                        .remote = {*IpAddress::Parse("192.0.2.100"), 1234}});
    EXPECT_TRUE(answer.ok()) << answer.status().ToString();
    return answer.ok() ? answer->socket_cookie : ~0ull;
  }

  size_t ExactEntries() { return backend_->programs().Table<fb_exact_key, uint32_t>("exact")->ReadAll()->size(); }

  bool IsThere(const std::string& path) {
    struct stat status;
    return stat(path.c_str(), &status) == 0;
  }

  std::unique_ptr<TestNetwork> network_;
  BpfBackendOptions options_;
  std::unique_ptr<BpfBackend> backend_;
};

bool Mentions(const absl::Status& status, const char* text) {
  return std::string(status.message()).find(text) != std::string::npos;
}

TEST_F(HookBTest, SaysThatTheDirectoryIsNotOnABpffs) {
  options_.bpf_dir = "/tmp/forcebind";
  const absl::Status status = StartError();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Mentions(status, "mount -t bpf")) << status.ToString();
}

TEST_F(HookBTest, SaysThatTheCgroupIsMissingAndLeavesNothing) {
  options_.cgroup_path = "/nonexistent";
  const absl::Status status = StartError();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(Mentions(status, "/nonexistent")) << status.ToString();
  EXPECT_FALSE(IsThere(options_.bpf_dir));
}

TEST_F(HookBTest, FindsTheCgroupRootByItself) {
  options_.cgroup_path = "";
  Start();
}

TEST_F(HookBTest, SaysWhichCapabilitiesAreMissing) {
  Capabilities before;
  ASSERT_EQ(GetCapabilities(&before), 0);
  constexpr uint64_t kNeeded = 1ull << CAP_SYS_ADMIN | 1ull << CAP_BPF | 1ull << CAP_NET_ADMIN | 1ull << CAP_PERFMON;
  ASSERT_EQ(SetEffectiveCapabilities(before.effective & ~kNeeded), 0);
  const absl::Status status = StartError();
  ASSERT_EQ(SetEffectiveCapabilities(before.effective), 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(Mentions(status, "CAP_BPF")) << status.ToString();
}

TEST_F(HookBTest, ThreeCapabilitiesAreEnough) {
  Capabilities before;
  ASSERT_EQ(GetCapabilities(&before), 0);
  ASSERT_EQ(SetEffectiveCapabilities(1ull << CAP_BPF | 1ull << CAP_NET_ADMIN | 1ull << CAP_PERFMON), 0);
  Start();
  const UniqueFd listener = Listen("127.84.3.1", 8080);
  const uint64_t published = PublishEverywhere(listener, 8080);
  EXPECT_EQ(WhoGets("192.0.2.7", 8080), published);
  EXPECT_TRUE(backend_->Tick().ok());
  ASSERT_EQ(SetEffectiveCapabilities(before.effective), 0);
}

TEST_F(HookBTest, RefusesStateOfAnotherVersion) {
  Start();
  auto state = backend_->programs().Table<uint32_t, fb_state>("state");
  ASSERT_OK(state.status());
  fb_state changed = **state->Get(0);
  changed.layout_version = FB_LAYOUT_VERSION + 1;
  ASSERT_OK(state->Put(0, changed));
  backend_.reset();
  const absl::Status status = StartError();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Mentions(status, "--unload")) << status.ToString();
  ASSERT_OK(BpfBackend::Unload(options_.bpf_dir));
  Start();
}

TEST_F(HookBTest, RefusesMapsOfAnotherShape) {
  Start();
  backend_.reset();
  const std::string path = options_.bpf_dir + "/listeners";
  ASSERT_EQ(unlink(path.c_str()), 0);
  EXPECT_EQ(StartError().code(), absl::StatusCode::kFailedPrecondition);
  UniqueFd other(bpf_map_create(BPF_MAP_TYPE_HASH, "listeners", 8, 64, 16, nullptr));
  ASSERT_EQ(bpf_obj_pin(other.get(), path.c_str()), 0);
  const absl::Status status = StartError();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Mentions(status, "listeners")) << status.ToString();
}

TEST_F(HookBTest, RefusesStateOfAnotherNetworkNamespace) {
  Start();
  backend_.reset();
  const absl::Status status = network_->OnClient([&] { return StartError(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(Mentions(status, "another network namespace")) << status.ToString();
}

TEST_F(HookBTest, HasNoStageF) {
  Start();
  const absl::Status status = backend_->CheckStageF();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  const bool patched = FindHook(Hook::kF).ok();
  EXPECT_EQ(status.message(), patched
                                  ? "backend hook-b has no stage F: start forcebind-supervisor with --backend hook-d"
                                  : "this kernel has no hook F (see kernel-patches/README.md)");
  const Route route{.key = {Protocol::kTcp, kAnyPort, Prefix::All(Family::kIpv4), Stage::kF}};
  EXPECT_EQ(backend_->AddRoutes({route}).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(HookBTest, UnloadEndsPublishingAndRemovesEverything) {
  Start();
  EXPECT_EQ(BpfBackend::Unload(options_.bpf_dir).code(), absl::StatusCode::kAlreadyExists);
  backend_.reset();
  EXPECT_TRUE(IsThere(options_.bpf_dir + "/link_fb_lookup"));
  ASSERT_OK(BpfBackend::Unload(options_.bpf_dir));
  EXPECT_FALSE(IsThere(options_.bpf_dir));
  ASSERT_OK(BpfBackend::Unload(options_.bpf_dir));
}

constexpr char kReservedPorts[] = "/proc/sys/net/ipv4/ip_local_reserved_ports";

TEST_F(HookBTest, UnloadReleasesThePortsThatWereReserved) {
  Start();
  std::ofstream(kReservedPorts) << "40001\n" << std::flush;
  const UniqueFd listener = Listen("127.84.3.1", 40000);
  PublishEverywhere(listener, 40000, /*guard=*/true);
  EXPECT_EQ(*ReadSmallFile(kReservedPorts, 4096), "40000-40001\n");
  EXPECT_EQ(BpfBackend::Unload(options_.bpf_dir).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*ReadSmallFile(kReservedPorts, 4096), "40000-40001\n");
  backend_.reset();
  ASSERT_OK(BpfBackend::Unload(options_.bpf_dir));
  EXPECT_EQ(*ReadSmallFile(kReservedPorts, 4096), "40001\n");
}

TEST_F(HookBTest, UnloadReleasesNothingInAnotherNetworkNamespace) {
  Start();
  const UniqueFd listener = Listen("127.84.3.1", 40000);
  PublishEverywhere(listener, 40000, /*guard=*/true);
  backend_.reset();
  const auto other = TestNetwork::Create();
  ASSERT_OK(other.status());
  std::ofstream(kReservedPorts) << "40000\n" << std::flush;
  ASSERT_OK(BpfBackend::Unload(options_.bpf_dir));
  EXPECT_EQ(*ReadSmallFile(kReservedPorts, 4096), "40000\n");
}

// How a backend that stands before the kernel's exact listeners leaves packets to them.
TEST_F(HookBTest, CountsWhatItLeavesToAnExactListener) {
  Start();
  const UniqueFd listener = Listen("127.84.3.1", 8080), exact = Listen("192.0.2.7", 8080);
  PublishEverywhere(listener, 8080);
  EXPECT_EQ(WhoGets("192.0.2.7", 8080), 0u);
  EXPECT_NE(WhoGets("192.0.2.8", 8080), 0u);
  const auto totals = backend_->Totals();
  ASSERT_OK(totals.status());
  EXPECT_EQ(totals->yielded, 1u);
  EXPECT_EQ(totals->dispatched, 1u);
}

TEST_F(HookBTest, ListenersBeyondTheTablesRoomAreCountedAndDoNoHarm) {
  Start();
  std::vector<UniqueFd> listeners;
  for (uint16_t port = 1000; port < 1300; ++port) listeners.push_back(Listen("192.0.2.7", port));
  EXPECT_EQ(backend_->Totals()->untracked, 300u - options_.max_exact);
  listeners.clear();
  const UniqueFd service = Listen("127.84.3.1", 8080);
  const uint64_t published = PublishEverywhere(service, 8080);
  EXPECT_EQ(WhoGets("192.0.2.7", 8080), published);
}

// 40 times the table's room: only sweeping can make that fit, and no sweep may forget who is there.
TEST_F(HookBTest, SweepsTheTableAndForgetsNobody) {
  Start();
  const UniqueFd service = Listen("127.84.3.1", 999), stays = Listen("192.0.2.8", 999);
  const uint64_t published = PublishEverywhere(service, 999);
  for (int round = 0; round < 200; ++round) {
    for (uint16_t i = 0; i < 50; ++i) Listen("192.0.2.7", 1000 + round * 50 + i);
    ASSERT_OK(backend_->Tick());
    ASSERT_EQ(WhoGets("192.0.2.8", 999), 0u) << round;
    ASSERT_EQ(WhoGets("192.0.2.7", 999), published) << round;
  }
  EXPECT_EQ(backend_->Totals()->untracked, 0u);
  EXPECT_LE(ExactEntries(), options_.max_exact / 2);
}

// More than there are numbers, without a tick in between: what was set free comes back when nothing else is left.
TEST_F(HookBTest, GroupsAndSlotsDoNotRunOut) {
  Start();
  const UniqueFd listener = Listen("127.84.3.1", 8080);
  for (int i = 0; i < FB_MAX_SLOTS + 10; ++i) {
    auto group = backend_->NewGroup();
    ASSERT_OK(group.status());
    ASSERT_OK(backend_->AddSocket(*group, listener.get()));
    ASSERT_OK(backend_->RemoveGroup(*group));
  }
  EXPECT_EQ(WhoGets("192.0.2.7", 8080), 0u);
  const uint64_t published = PublishEverywhere(listener, 8080);
  EXPECT_EQ(WhoGets("192.0.2.7", 8080), published);
}

TEST_F(HookBTest, AllGroupsInUseIsAnErrorThatSaysSo) {
  Start();
  for (int i = 0; i < FB_MAX_GROUPS; ++i) ASSERT_OK(backend_->NewGroup().status());
  EXPECT_EQ(backend_->NewGroup().status().code(), absl::StatusCode::kResourceExhausted);
}

class HookBRecordTest : public HookBTest, public testing::WithParamInterface<uint8_t> {};

// As if a socket's release had come before the seeding met it, or its removal had failed.
TEST_P(HookBRecordTest, WithoutASocketIsForgottenAfterTwoTicks) {
  Start();
  auto records = backend_->programs().Table<uint64_t, fb_exact_key>("records");
  auto exact = backend_->programs().Table<fb_exact_key, uint32_t>("exact");
  ASSERT_OK(records.status());
  ASSERT_OK(exact.status());
  fb_exact_key key{.address = {192, 0, 2, 7}, .port = htons(53), .protocol = GetParam(), .family = FB_FAMILY_IPV4};
  constexpr uint64_t kNoSocket = 1ull << 60;
  const UniqueFd stays = Listen("192.0.2.8", 999);
  ASSERT_OK(exact->Put(key, 1));
  ASSERT_OK(records->Put(kNoSocket, key));
  ASSERT_OK(backend_->Tick());
  EXPECT_TRUE(records->Get(kNoSocket)->has_value());
  ASSERT_OK(backend_->Tick());
  EXPECT_FALSE(records->Get(kNoSocket)->has_value());
  EXPECT_EQ(exact->Get(key)->value_or(7), 0u);
  EXPECT_TRUE(records->Get(SocketCookie(stays.get()))->has_value());
}

INSTANTIATE_TEST_SUITE_P(Protocols, HookBRecordTest, testing::Values(IPPROTO_TCP, IPPROTO_UDP),
                         [](const auto& info) { return info.param == IPPROTO_TCP ? "Tcp" : "Udp"; });

// While two supervisors' programs overlap, each event happens twice: nothing may be counted twice, or be left over.
TEST_F(HookBTest, ListenersThatComeAndGoDuringRestartsLeaveNothing) {
  Start();
  const UniqueFd stays = Listen("192.0.2.8", 999);
  std::atomic<bool> stop = false;
  std::thread strangers([&] {
    for (uint16_t port = 1000; !stop; port = port == 1019 ? 1000 : port + 1) {
      UniqueFd tcp = Listen("192.0.2.7", port);
      UniqueFd udp = Bind("192.0.2.7", port);
    }
  });
  for (int i = 0; i < 10; ++i) Start();
  stop = true;
  strangers.join();
  for (int i = 0; i < 3; ++i) ASSERT_OK(backend_->Tick());
  auto records = backend_->programs().Table<uint64_t, fb_exact_key>("records")->ReadAll();
  ASSERT_OK(records.status());
  for (const auto& [cookie, key] : *records) {
    EXPECT_EQ(cookie, SocketCookie(stays.get())) << "protocol " << int{key.protocol} << ", port " << ntohs(key.port);
  }
  EXPECT_EQ(records->size(), 1u);
  uint32_t counted = 0;
  ASSERT_OK(backend_->programs().Table<fb_exact_key, uint32_t>("exact")->ForEach([&](const fb_exact_key&, uint32_t n) {
    counted += n;
    return absl::OkStatus();
  }));
  EXPECT_EQ(counted, 1u);
}

TEST_F(HookBTest, KeepsTheSupervisorsTablesOverARestart) {
  struct ServiceValue {
    char name[FB_SERVICE_BYTES];
  };
  struct ListenerValue {
    uint64_t service;
    char text[FB_LISTENER_BYTES - 8];
  };
  Start();
  ASSERT_OK(backend_->Services<ServiceValue>()->Put(7, {"nginx"}));
  ASSERT_OK(backend_->Services<ServiceValue>()->Put(8, {"gitea"}));
  ASSERT_OK(backend_->Listeners<ListenerValue>()->Put(1ull << 40, {7, "0.0.0.0:80"}));
  ASSERT_OK(backend_->Services<ServiceValue>()->Erase(8));
  ASSERT_OK(backend_->Services<ServiceValue>()->Erase(8));
  Start();
  std::vector<std::string> names;
  ASSERT_OK(backend_->Services<ServiceValue>()->ForEach([&](uint64_t id, const ServiceValue& value) {
    names.push_back(absl::StrCat(id, " ", value.name));
    return absl::OkStatus();
  }));
  EXPECT_EQ(names, std::vector<std::string>{"7 nginx"});
  EXPECT_EQ((*backend_->Listeners<ListenerValue>()->Get(1ull << 40))->service, 7u);
  EXPECT_EQ(backend_->Services<ListenerValue>().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(HookBTest, ReadsATableOfManyEntriesWhole) {
  struct ServiceValue {
    uint64_t number;
    char rest[FB_SERVICE_BYTES - 8];
  };
  Start();
  auto services = backend_->Services<ServiceValue>();
  ASSERT_OK(services.status());
  for (uint64_t i = 0; i < 10000; ++i) ASSERT_OK(services->Put(i, {i, {}}));
  std::vector<bool> seen(10000);
  ASSERT_OK(services->ForEach([&](uint64_t id, const ServiceValue& value) {
    EXPECT_EQ(id, value.number);
    EXPECT_FALSE(seen[id]);
    seen[id] = true;
    return absl::OkStatus();
  }));
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 10000);
}

TEST_F(HookBTest, TestRunsTellWhoWouldGetAConnection) {
  options_.max_exact = 2048;
  Start();
  const UniqueFd listener = Listen("127.84.3.1", 443);
  const uint64_t published = PublishEverywhere(listener, 443);
  ASSERT_OK(PretendExactListeners(*backend_, 1000));
  EXPECT_EQ(WhoGets("10.0.0.7", 443), 0u);
  EXPECT_EQ(WhoGets("10.1.0.7", 443), published);
  EXPECT_EQ(WhoGets("10.1.0.7", 444), 0u);
}

}  // namespace
}  // namespace forcebind
