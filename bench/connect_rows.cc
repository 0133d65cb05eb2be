// SPDX-License-Identifier: Apache-2.0
// connect_rows: a client across a veth pair connects to a public address, is accepted, gets one byte, and closes.
//
// Each contestant has a host and a client of its own: a plain listener on the public address; a published service of
// forcebind; and what people use otherwise, a redirection by nft and haproxy.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/programs.h"
#include "bench/rows.h"
#include "bench/supervisor_process.h"

namespace forcebind::bench {
namespace {

constexpr size_t kConnectionsPerRound = 50;
constexpr char kPublic[] = "192.0.2.7";
constexpr char kBehind[] = "127.77.0.2:8080";  // where a proxy or a redirection leads to

std::string Port(int port) { return absl::StrCat(kPublic, ":", port); }

// A redirection of the public port to the same host's port 8090. False if nft(8) is not there.
absl::StatusOr<bool> RedirectByNft(int port) {
  if (!InPath("nft")) return false;
  FILE* nft = popen("nft -f -", "we");
  if (nft == nullptr) return absl::UnavailableError("nft cannot be started");
  fprintf(
      nft,
      "table ip bench { chain in { type nat hook prerouting priority dstnat; tcp dport %d redirect to :8090; }; }\n",
      port);
  if (pclose(nft) != 0) return absl::UnavailableError("nft refuses the redirection (does this kernel have nf_tables?)");
  return true;
}

// haproxy(1), of this host or of the tree that script/rootfs has made, in front of `kBehind`.
class Haproxy {
 public:
  static absl::StatusOr<std::unique_ptr<Haproxy>> Start(int port) {
    std::unique_ptr<Haproxy> proxy(new Haproxy);
    const Words command = Command();
    if (command.empty()) return nullptr;
    char path[] = "/tmp/forcebind-bench-haproxy-XXXXXX";
    const UniqueFd file(mkstemp(path));
    proxy->config_ = path;
    std::ofstream(path) << "defaults\n mode tcp\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n"
                        << "listen bench\n bind " << Port(port) << "\n server behind " << kBehind << "\n";
    Words words = command;
    // It goes to the background once it listens, so its first process ending says that it is ready.
    words.insert(words.end(), {"-D", "-p", proxy->PidFile(), "-f", path});
    auto process = Spawn(words, false);
    if (!process.ok()) return process.status();
    if (WaitFor(process->pid) != 0) return absl::UnavailableError("haproxy has failed");
    return proxy;
  }

  ~Haproxy() {
    pid_t pid = 0;
    if (std::ifstream(PidFile()) >> pid) kill(pid, SIGKILL);
    std::error_code ignored;
    std::filesystem::remove(config_, ignored);
    std::filesystem::remove(PidFile(), ignored);
  }

 private:
  Haproxy() = default;
  std::string PidFile() const { return config_ + ".pid"; }

  static Words Command() {
    if (auto found = InPath("haproxy")) return {*found};
    const char* tree = getenv("FORCEBIND_ROOTFS");
    if (tree == nullptr) return {};
    const std::string root = tree, libraries = root + "/usr/lib/" + FORCEBIND_MULTIARCH;
    return {root + FORCEBIND_DYNAMIC_LINKER, "--library-path", libraries, root + "/usr/sbin/haproxy"};
  }

  std::string config_;
};

// Everybody's hosts, servers and what stands before them. Namespaces are left in the reverse order of entering.
struct Stage {
  std::vector<std::unique_ptr<TestNetwork>> networks;
  std::unique_ptr<SupervisorProcess> supervisor;
  std::unique_ptr<Haproxy> haproxy;
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<Contestant> contestants;

  ~Stage() {
    workers.clear();
    haproxy.reset();
    supervisor.reset();
    while (!networks.empty()) networks.pop_back();
  }

  // The calling thread, and what is started from now on, is on a new host.
  absl::Status NewHost() {
    auto network = TestNetwork::Create();
    if (!network.ok()) return network.status();
    networks.push_back(*std::move(network));
    return absl::OkStatus();
  }

  absl::Status Serve(const std::string& name, const Launcher& launcher, const std::string& listen, int dialled_port) {
    setenv("FORCEBIND_BENCH_LISTEN", listen.c_str(), 1);
    setenv("FORCEBIND_BENCH_DIAL", Port(dialled_port).c_str(), 1);
    const int client = networks.back()->client_netns();
    setenv("FORCEBIND_BENCH_CLIENT", absl::StrCat("/proc/", getpid(), "/fd/", client).c_str(), 1);
    auto worker = Worker::Start(launcher, "connect", kConnectionsPerRound);
    if (!worker.ok()) return worker.status();
    workers.push_back(*std::move(worker));
    contestants.push_back(AsContestant(name, *workers.back()));
    return absl::OkStatus();
  }
};

absl::Status AddDirect(Stage* stage) {
  absl::Status made = stage->NewHost();
  return made.ok() ? stage->Serve("direct", Plain(), Port(8080), 8080) : made;
}

absl::Status AddPublished(Stage* stage) {
  if (absl::Status made = stage->NewHost(); !made.ok()) return made;
  auto supervisor = SupervisorProcess::Start(stage->networks.back()->bpffs());
  if (!supervisor.ok()) return supervisor.status();
  stage->supervisor = *std::move(supervisor);
  const Launcher launcher =
      ForcebindRun({"--name", "bench", "--supervisor", stage->supervisor->socket(), "--publish", "tcp/8080"});
  return stage->Serve("published, hook-b", launcher, "0.0.0.0:8080", 8080);
}

absl::Status AddNft(Stage* stage, Report* report) {
  if (absl::Status made = stage->NewHost(); !made.ok()) return made;
  auto redirected = RedirectByNft(8081);
  if (!redirected.ok()) return redirected.status();
  if (*redirected) return stage->Serve("nft redirect", Plain(), "0.0.0.0:8090", 8081);
  report->AddNote("connect: nft is not installed");
  return absl::OkStatus();
}

absl::Status AddHaproxy(Stage* stage, Report* report) {
  if (absl::Status made = stage->NewHost(); !made.ok()) return made;
  auto proxy = Haproxy::Start(8082);
  if (!proxy.ok()) return proxy.status();
  stage->haproxy = *std::move(proxy);
  if (stage->haproxy != nullptr) return stage->Serve("haproxy", Plain(), kBehind, 8082);
  report->AddNote("connect: there is no haproxy; FORCEBIND_ROOTFS=$(script/rootfs) has one");
  return absl::OkStatus();
}

}  // namespace

absl::Status ConnectRows(const Setting& setting, Report* report) {
  Stage stage;
  absl::Status added = AddDirect(&stage);
  if (added.ok()) added = AddPublished(&stage);
  if (added.ok()) added = AddNft(&stage, report);
  if (added.ok()) added = AddHaproxy(&stage, report);
  if (!added.ok()) return added;
  auto series = TakeTurns(stage.contestants, setting.rounds);
  if (!series.ok()) return series.status();
  report->AddSeries("connect, accept, 1 byte, close (veth)", "µs", *series);
  report->AddTarget("connect: published / direct", Ratio(series->at(1), series->at(0)), 1.03);
  return absl::OkStatus();
}

}  // namespace forcebind::bench
