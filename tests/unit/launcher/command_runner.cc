// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/launcher/command_runner.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "build_paths.h"
#include "sys/sealed_memfd.h"
#include "sys/unix_channel.h"

namespace forcebind {
namespace {

constexpr int kPatienceMs = 20000;
constexpr int kCannotStart = 99;
constexpr unsigned kNobody = 65534;

std::string Contents(int fd) {
  std::string text(static_cast<size_t>(lseek(fd, 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(fd, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  return text;
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The raw calls: other threads of the test are none of this process's business.
bool BecomeNobody() {
  return syscall(SYS_setgroups, 0, nullptr) == 0 && syscall(SYS_setresgid, kNobody, kNobody, kNobody) == 0 &&
         syscall(SYS_setresuid, kNobody, kNobody, kNobody) == 0;
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() : path_("/tmp/forcebind-test.XXXXXX") {
  EXPECT_NE(mkdtemp(path_.data()), nullptr);
  EXPECT_EQ(chmod(path_.c_str(), 0755), 0);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryDirectory::Write(const std::string& name, const std::string& text) const {
  const std::filesystem::path path = std::filesystem::path(path_) / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
  return path;
}

CommandResult RunForcebind(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                           RunAs who) {
  UniqueFd program(open(FORCEBIND_BIN_DIR "/forcebind", O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(program.valid()) << FORCEBIND_BIN_DIR "/forcebind";
  std::vector<std::string> words = {"forcebind"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  variables.insert(variables.end(), environment.begin(), environment.end());
  const std::vector<char*> argv = Pointers(words), envp = Pointers(variables);
  UniqueFd in(open("/dev/null", O_RDONLY | O_CLOEXEC));
  UniqueFd out(memfd_create("out", MFD_CLOEXEC)), err(memfd_create("err", MFD_CLOEXEC));
  const bool drop = who == RunAs::kNobody && geteuid() == 0;
  const pid_t child = fork();
  if (child == 0) {
    if (drop && !BecomeNobody()) _exit(kCannotStart);
    dup2(in.get(), STDIN_FILENO);
    dup2(out.get(), STDOUT_FILENO);
    dup2(err.get(), STDERR_FILENO);
    // By descriptor: the build directory may be closed to others.
    fexecve(program.get(), argv.data(), envp.data());
    _exit(kCannotStart);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return {.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .out = Contents(out.get()),
          .err = Contents(err.get())};
}

PlayedSupervisor::PlayedSupervisor(std::vector<uint8_t> packet, UniqueFd document)
    : path_(directory_.path() + "/supervisor.sock"), packet_(std::move(packet)), document_(std::move(document)) {
  auto listening = ListenUnix(path_, SOCK_SEQPACKET, 0600, 1);
  EXPECT_TRUE(listening.ok()) << listening.status();
  listening_ = *std::move(listening);
  thread_ = std::thread([this] { Serve(); });
}

PlayedSupervisor::~PlayedSupervisor() {
  shutdown(listening_.get(), SHUT_RDWR);
  if (thread_.joinable()) thread_.join();
}

std::unique_ptr<PlayedSupervisor> PlayedSupervisor::WithDocument(const std::string& text) {
  auto document = SealedMemfd("document", text);
  EXPECT_TRUE(document.ok()) << document.status();
  return std::unique_ptr<PlayedSupervisor>(new PlayedSupervisor(wire::Encode(wire::Document{}), *std::move(document)));
}

std::unique_ptr<PlayedSupervisor> PlayedSupervisor::WithPacket(const std::vector<uint8_t>& packet) {
  return std::unique_ptr<PlayedSupervisor>(new PlayedSupervisor(packet, UniqueFd()));
}

void PlayedSupervisor::Serve() {
  pollfd waiting = {.fd = listening_.get(), .events = POLLIN, .revents = 0};
  if (poll(&waiting, 1, kPatienceMs) != 1) return;
  UniqueFd client(accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  Packet packet;
  if (!client.valid() || ReceivePacket(client.get(), wire::kMaxMessageSize, &packet) != 0) return;
  asked_ = packet.bytes;
  SendPacket(client.get(), packet_, document_.valid() ? document_.get() : -1);
}

wire::Message PlayedSupervisor::question() {
  thread_.join();
  auto message = wire::Decode(asked_);
  EXPECT_TRUE(message.ok()) << message.status();
  return message.ok() ? *message : wire::Message(wire::Result{});
}

}  // namespace forcebind
