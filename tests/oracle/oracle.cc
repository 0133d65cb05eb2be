// SPDX-License-Identifier: Apache-2.0
#include "tests/oracle/oracle.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "oracle_paths.h"
#include "tests/support/child_process.h"

namespace forcebind {
namespace {

constexpr int kFirstEphemeralPort = 32768;
constexpr char kReferenceDirectory[] = "/mnt/open/reference";
constexpr char kForcedDirectory[] = "/mnt/open/forced";

// No connection outlives its sockets, and no answer to a stray packet is withheld.
constexpr std::pair<const char*, const char*> kNetworkSettings[] = {
    {"/proc/sys/net/ipv4/tcp_max_tw_buckets", "0"},
    {"/proc/sys/net/ipv4/icmp_ratemask", "0"},
    {"/proc/sys/net/ipv6/icmp/ratemask", "2"},
};

[[noreturn]] void Die(const std::string& what) {
  perror(what.c_str());
  abort();
}

void PrepareNetwork() {
  for (const auto& [path, value] : kNetworkSettings) {
    std::ofstream setting(path);
    if (!(setting << value << std::flush)) Die(path);
  }
  if (!IpBatch("addr add fe80::7/64 dev public nodad\n").ok()) Die("add a link-local address");
}

void MakeDirectory(const char* path) {
  if (mkdir(path, 0777) != 0 || chmod(path, 0777) != 0) Die(path);
}

// The first or the last processor that this process may use.
cpu_set_t OneProcessor(bool last) {
  cpu_set_t all, one;
  if (sched_getaffinity(0, sizeof(all), &all) != 0) Die("sched_getaffinity");
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    const int processor = last ? CPU_SETSIZE - 1 - i : i;
    if (!CPU_ISSET(processor, &all)) continue;
    CPU_SET(processor, &one);
    break;
  }
  return one;
}

void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  if (!(file << text << std::flush)) Die(path);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// In a child before it executes.
void Redirect(int standard, const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (fd < 0 || dup2(fd, standard) < 0) _exit(94);
}

std::string Number(absl::Span<const Sequence> sequences) {
  std::string text;
  for (size_t i = 0; i < sequences.size(); ++i) {
    absl::StrAppend(&text, "sequence ", i, "\n");
    for (const std::string& line : sequences[i]) absl::StrAppend(&text, line, "\n");
  }
  return text;
}

// One side of one run. Its files are in `directory`, and so is what it makes.
class Side {
 public:
  Side(const std::string& directory, const std::string& text, const std::vector<std::string>& words,
       const std::function<void()>& prepare)
      : input_(directory + ".sequences"), output_(directory + ".records") {
    WriteFile(input_, text);
    WriteFile(output_, "");
    child_ = std::make_unique<ChildProcess>(words, ChildInput::kPipe, [&] {
      Redirect(STDIN_FILENO, input_, O_RDONLY);
      Redirect(STDOUT_FILENO, output_, O_WRONLY);
      if (chdir(directory.c_str()) != 0) _exit(94);
      prepare();
    });
  }

  std::vector<Records> Finish(size_t count) {
    const int status = child_->Wait();
    const std::string text = ReadFile(output_);
    EXPECT_EQ(status, 0) << child_->ErrorText()
                         << "the last it said: " << text.substr(text.size() - std::min<size_t>(text.size(), 400));
    std::vector<Records> records;
    for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n', absl::SkipEmpty()))) {
      if (line.rfind("sequence ", 0) == 0) {
        records.emplace_back();
      } else if (!records.empty()) {
        records.back().push_back(line);
      }
    }
    records.resize(count);
    return records;
  }

 private:
  std::string input_, output_;
  std::unique_ptr<ChildProcess> child_;
};

// "0 127.84.3.1:40001" or "4 [::1]:40001/udp": where the port begins; npos if there is none that the kernel chose.
size_t EphemeralPort(const std::string& record) {
  const size_t colon = record.rfind(':');
  if (colon == std::string::npos || record.find('/') < colon) return std::string::npos;
  return atoi(record.c_str() + colon + 1) >= kFirstEphemeralPort ? colon + 1 : std::string::npos;
}

Records WithoutEphemeralPorts(Records records) {
  for (std::string& record : records) record.resize(std::min(record.size(), EphemeralPort(record)));
  return records;
}

bool IsCall(const std::string& line) { return line.rfind("signals", 0) != 0; }

std::string WithoutHow(const std::string& line) {
  const size_t end = line.find(' '), dot = line.find('.');
  return dot < end ? line.substr(0, dot) + line.substr(end) : line;
}

std::vector<Sequence> SmallerOnes(const Sequence& sequence) {
  std::vector<Sequence> smaller;
  for (size_t size = sequence.size() / 2; size >= 1; size /= 2) {
    for (size_t from = 0; from + size <= sequence.size(); from += size) {
      Sequence one = sequence;
      one.erase(one.begin() + static_cast<ssize_t>(from), one.begin() + static_cast<ssize_t>(from + size));
      smaller.push_back(std::move(one));
    }
  }
  for (size_t i = 0; i < sequence.size(); ++i) {
    if (WithoutHow(sequence[i]) == sequence[i]) continue;
    smaller.push_back(sequence);
    smaller.back()[i] = WithoutHow(sequence[i]);
  }
  return smaller;
}

}  // namespace

Oracle::Oracle(OracleSetting setting) : setting_(std::move(setting)) {
  const std::string source = absl::StrCat(FORCEBIND_EXECUTOR_DIR, "/", setting_.program);
  const UniqueFd program(open(source.c_str(), O_RDONLY | O_CLOEXEC));
  if (!program.valid()) Die(source);
  forced_host_ = std::make_unique<ServiceHost>();
  PrepareNetwork();
  MakeDirectory(kReferenceDirectory);
  MakeDirectory(kForcedDirectory);
  executor_ = "/mnt/bin/" + setting_.program;
  std::filesystem::copy_file(absl::StrCat("/proc/self/fd/", program.get()), executor_);
  if (chmod(executor_.c_str(), 0755) != 0) Die(executor_);
  if (setting_.in_cgroup()) {
    supervisor_ = std::make_unique<SupervisorProcess>(forced_host_->network().bpffs(), "");
    if (absl::Status status = supervisor_->Start(); !status.ok()) Die(std::string(status.message()));
  }
  // Another network for the reference; the mounts that come with it have the same programs in them.
  auto network = TestNetwork::Create();
  if (!network.ok()) Die(std::string(network.status().message()));
  reference_network_ = *std::move(network);
  PrepareNetwork();
}

std::vector<Comparison> Oracle::Compare(absl::Span<const Sequence> sequences) {
  const std::string text = Number(sequences);
  const auto prepare = [&](bool forced) {
    const cpu_set_t processor = OneProcessor(forced);
    if (sched_setaffinity(0, sizeof(processor), &processor) != 0) _exit(93);
    if (setting_.ordinary_user) BecomeOrdinaryUser();
  };
  Side reference(kReferenceDirectory, text, {executor_, "reference", setting_.reference_v4, kPrivateV6},
                 [&] { prepare(false); });
  const EnteredNetns entered(forced_host_->network().host_netns());
  std::vector<std::string> options = {"-q"};
  for (const Wall wall : setting_.walls) options = Join(options, {"--wall", ToString(wall)});
  const std::vector<std::string> run = PrivateRun(options, supervisor_ ? supervisor_->socket_path() : "none");
  Side forced(kForcedDirectory, text, Join(run, {executor_, "as-is"}), [&] { prepare(true); });
  std::vector<Records> ours = forced.Finish(sequences.size()), kernels = reference.Finish(sequences.size());
  std::vector<Comparison> comparisons(sequences.size());
  for (size_t i = 0; i < sequences.size(); ++i) {
    comparisons[i].same = !kernels[i].empty() && Canonical(kernels[i]) == Canonical(ours[i]);
    comparisons[i].reference = std::move(kernels[i]);
    comparisons[i].forced = std::move(ours[i]);
  }
  return comparisons;
}

// The same port of another address or protocol is another name.
Records Canonical(const Records& records) {
  Records canonical = records;
  std::map<std::string, size_t> names;
  for (std::string& record : canonical) {
    const size_t port = EphemeralPort(record);
    if (port == std::string::npos) continue;
    std::string endpoint = record.substr(record.find(' ') + 1);
    if (endpoint.rfind("[::ffff:", 0) == 0) endpoint.erase(0, 8), endpoint.erase(endpoint.find(']'), 1);
    const size_t name = names.try_emplace(endpoint, names.size() + 1).first->second;
    record = absl::StrCat(record.substr(0, port), "ephemeral ", name);
  }
  return canonical;
}

Sequence Minimise(Oracle& oracle, Sequence sequence) {
  if (oracle.Compare({sequence})[0].same) return {};
  for (bool smaller = true; smaller;) {
    smaller = false;
    const std::vector<Sequence> candidates = SmallerOnes(sequence);
    const std::vector<Comparison> comparisons = oracle.Compare(candidates);
    for (size_t i = 0; i < candidates.size() && !smaller; ++i) {
      if (comparisons[i].same) continue;
      sequence = candidates[i];
      smaller = true;
    }
  }
  return sequence;
}

bool IsChance(Oracle& oracle, const Sequence& sequence, const Comparison& comparison) {
  return WithoutEphemeralPorts(comparison.reference) == WithoutEphemeralPorts(comparison.forced) &&
         oracle.Compare({sequence})[0].same;
}

std::string Describe(const Sequence& sequence, const Comparison& comparison) {
  const Records kernels = Canonical(comparison.reference), ours = Canonical(comparison.forced);
  std::string text;
  size_t call = 0;
  for (const std::string& line : sequence) {
    absl::StrAppend(&text, "  ", line);
    if (IsCall(line)) {
      const std::string kernel = call < kernels.size() ? kernels[call] : "nothing";
      const std::string forced = call < ours.size() ? ours[call] : "nothing";
      ++call;
      text.append(line.size() < 44 ? 44 - line.size() : 1, ' ');
      absl::StrAppend(&text, kernel);
      if (forced != kernel) absl::StrAppend(&text, "   but forced: ", forced);
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

void CountOutcomes(const Sequence& sequence, const Records& records, Outcomes* outcomes) {
  size_t call = 0;
  for (const std::string& line : sequence) {
    if (!IsCall(line) || call >= records.size()) continue;
    const std::string& record = records[call++];
    std::string name = WithoutHow(line.substr(0, line.find(' ')) + " ");
    name = name.substr(name.find('=') == std::string::npos ? 0 : 2);
    const bool failed = record[0] == 'E';
    ++(*outcomes)[absl::StrCat(name, failed ? record : "succeeds")];
  }
}

std::vector<Sequence> ReadSequences(const std::string& path) {
  std::ifstream file(path);
  if (!file) Die(path);
  std::vector<Sequence> sequences(1);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() && !sequences.back().empty()) sequences.emplace_back();
    if (!line.empty() && line[0] != '#') sequences.back().push_back(line);
  }
  if (sequences.back().empty()) sequences.pop_back();
  return sequences;
}

}  // namespace forcebind
