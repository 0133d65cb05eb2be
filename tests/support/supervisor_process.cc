// SPDX-License-Identifier: Apache-2.0
#include "tests/support/supervisor_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "build_paths.h"
#include "sys/errno_status.h"
#include "sys/sealed_memfd.h"
#include "sys/small_file.h"
#include "sys/unix_channel.h"

namespace forcebind {
namespace {

constexpr int kTimeoutMs = 60000;
constexpr size_t kMaxText = 64 << 20;

void LimitWaits(int socket) {
  const timeval limit = {.tv_sec = kTimeoutMs / 1000, .tv_usec = 0};
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

sockaddr_un UnixAddress(const std::string& path) {
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  memcpy(address.sun_path, path.data(), path.size());
  return address;
}

int ExitStatus(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) return 255;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string TextOf(const std::string& path) { return ReadSmallFile(path, kMaxText).value_or(""); }

}  // namespace

TempDir::TempDir() {
  char path[] = "/tmp/forcebind-test.XXXXXX";
  if (mkdtemp(path) == nullptr) abort();
  // Other users' processes must come through.
  chmod(path, 0755);
  path_ = path;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

SupervisorProcess::SupervisorProcess(const std::string& bpffs, const std::string& config)
    : bpf_dir_(bpffs + "/forcebind") {
  // What a test has no limits of its own for may take its time on a loaded machine.
  const char* limits = config.find("[limits]") == std::string::npos ? "\n[limits]\ndescriptor-seconds = 60\n" : "";
  const std::string text = absl::StrCat("state-dir = \"", state_dir(), "\"\n", config, limits);
  if (!ReplaceFile(dir_.path() + "/supervisor.toml", text, 0644).ok()) abort();
  notify_.reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = UnixAddress(dir_.path() + "/notify");
  if (bind(notify_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) abort();
  LimitWaits(notify_.get());
}

SupervisorProcess::~SupervisorProcess() {
  if (pid_ > 0) Stop(SIGKILL);
  RunToEnd({"--unload"});
}

pid_t SupervisorProcess::Spawn(const std::vector<std::string>& more_arguments, const std::string& stderr_path) const {
  std::vector<std::string> arguments = {std::string(FORCEBIND_BIN_DIR) + "/forcebind-supervisor",
                                        "--config",
                                        dir_.path() + "/supervisor.toml",
                                        "--socket",
                                        socket_path(),
                                        "--bpf-dir",
                                        bpf_dir_};
  arguments.insert(arguments.end(), more_arguments.begin(), more_arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const std::string notify = dir_.path() + "/notify";
  const pid_t child = fork();
  if (child != 0) return child;
  setenv("NOTIFY_SOCKET", notify.c_str(), 1);
  const int out = open(stderr_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  dup2(out, STDERR_FILENO);
  execv(argv[0], argv.data());
  _exit(127);
}

absl::Status SupervisorProcess::AwaitReady() {
  char text[256];
  const ssize_t size = recv(notify_.get(), text, sizeof(text), 0);
  if (size > 0 && std::string(text, static_cast<size_t>(size)) == "READY=1") return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("no READY=1; stderr: ", StderrText()));
}

absl::Status SupervisorProcess::Start(const std::vector<std::string>& more_arguments) {
  char old[256];
  while (recv(notify_.get(), old, sizeof(old), MSG_DONTWAIT) > 0) {
  }
  pid_ = Spawn(more_arguments, dir_.path() + "/stderr");
  return AwaitReady();
}

int SupervisorProcess::Stop(int signal) {
  kill(pid_, signal);
  const int status = ExitStatus(pid_);
  pid_ = -1;
  return status;
}

SupervisorProcess::Ended SupervisorProcess::RunToEnd(const std::vector<std::string>& more_arguments) {
  const std::string path = dir_.path() + "/stderr-of-another";
  Ended ended;
  ended.exit_status = ExitStatus(Spawn(more_arguments, path));
  ended.stderr_text = TextOf(path);
  return ended;
}

std::string SupervisorProcess::StderrText() const { return TextOf(dir_.path() + "/stderr"); }

size_t SupervisorProcess::ResidentBytes() const {
  const std::string status = TextOf(absl::StrCat("/proc/", pid_, "/status"));
  for (const auto& line : absl::StrSplit(status, '\n')) {
    const std::vector<std::string> words = absl::StrSplit(line, absl::ByAnyChar(": \t"), absl::SkipEmpty());
    size_t kilobytes = 0;
    if (words.size() >= 2 && words[0] == "VmRSS" && absl::SimpleAtoi(words[1], &kilobytes)) return kilobytes * 1024;
  }
  return 0;
}

std::string SupervisorProcess::Get(const std::string& target) const {
  UniqueFd http(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  LimitWaits(http.get());
  const sockaddr_un address = UnixAddress(dir_.path() + "/status.sock");
  if (connect(http.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return ErrnoName(errno);
  const std::string request = absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  if (send(http.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return ErrnoName(errno);
  std::string answer;
  char chunk[4096];
  for (ssize_t size; (size = recv(http.get(), chunk, sizeof(chunk), 0)) > 0;)
    answer.append(chunk, static_cast<size_t>(size));
  return answer;
}

TestClient::TestClient(const std::string& socket_path) {
  auto fd = ConnectSeqpacket(socket_path, kTimeoutMs);
  if (fd.ok()) fd_ = *std::move(fd);
}

void TestClient::SendBytes(const std::vector<uint8_t>& bytes) {
  send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void TestClient::Send(const wire::Message& message, int fd) { SendPacket(fd_.get(), wire::Encode(message), fd); }

std::optional<wire::Message> TestClient::Receive() {
  Packet packet;
  if (ReceivePacket(fd_.get(), wire::kMaxMessageSize, &packet) != 0 || packet.bytes.empty()) return std::nullopt;
  auto message = wire::Decode(packet.bytes);
  if (!message.ok()) return std::nullopt;
  return *std::move(message);
}

int TestClient::ReceiveError(std::string* text) {
  const auto message = Receive();
  if (!message.has_value() || !std::holds_alternative<wire::Result>(*message)) return -1;
  if (text != nullptr) *text = std::get<wire::Result>(*message).text;
  return std::get<wire::Result>(*message).error;
}

bool TestClient::ReceiveClosed() {
  Packet packet;
  const int error = ReceivePacket(fd_.get(), wire::kMaxMessageSize, &packet);
  return error == ECONNRESET || error == EPIPE || (error == 0 && packet.bytes.empty());
}

std::string TestClient::ReceiveDocument() {
  Packet packet;
  if (ReceivePacket(fd_.get(), wire::kMaxMessageSize, &packet) != 0) return "";
  auto message = wire::Decode(packet.bytes);
  if (!message.ok() || !std::holds_alternative<wire::Document>(*message)) return "";
  return ReadSealedMemfd(packet.fd.get(), kMaxText).value_or("");
}

std::optional<wire::Welcome> TestClient::Hello(const wire::Hello& hello) {
  Send(hello);
  const auto message = Receive();
  if (!message.has_value() || !std::holds_alternative<wire::Welcome>(*message)) return std::nullopt;
  return std::get<wire::Welcome>(*message);
}

int TestClient::Claim(const wire::Claim& claim) {
  Send(claim);
  return ReceiveError();
}

int TestClient::Listener(const wire::Listener& listener, int fd) {
  Send(listener, fd);
  return ReceiveError();
}

int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  const int status = ExitStatus(child);
  return status < 0 ? 255 : status;
}

}  // namespace forcebind
