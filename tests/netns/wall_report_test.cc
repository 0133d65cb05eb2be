// SPDX-License-Identifier: Apache-2.0
// report = "requested": what the names of a service's sockets are to itself, and to everybody else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <fstream>

#include "build_paths.h"
#include "sys/errno_status.h"
#include "sys/unix_channel.h"
#include "tests/netns/wall_fixture.h"
#include "tests/support/child_process.h"

namespace forcebind {
namespace {

using ::testing::HasSubstr;

constexpr char kForcebindProgram[] = FORCEBIND_BIN_DIR "/forcebind";
constexpr char kProbeProgram[] = FORCEBIND_PROBE_DIR "/probe";

WallRules Requested() {
  WallRules rules;
  rules.report_requested = true;
  return rules;
}

using WallReportTest = CgroupWallTest;

TEST_F(WallReportTest, ASocketHasTheNameThatWasAskedFor) {
  for (const char* requested : {"127.0.0.1:8080", "0.0.0.0:8080", "127.9.9.9:8080", "127.84.3.1:8080"}) {
    ExpectEnclosed(
        Requested(), [&] { return BindOutcome(AF_INET, SOCK_STREAM, requested); }, requested);
  }
  for (const char* requested : {"[::]:8080", "[::1]:8080", "[::ffff:127.0.0.1]:8080", "[::ffff:127.84.3.1]:8080"}) {
    ExpectEnclosed(
        Requested(), [&] { return BindOutcome(AF_INET6, SOCK_DGRAM, requested); }, requested);
  }
  ExpectEnclosed(
      {}, [] { return BindOutcome(AF_INET, SOCK_STREAM, "127.0.0.1:8080"); }, "127.84.3.1:8080");
}

TEST_F(WallReportTest, ThePortIsTheRealOne) {
  ExpectEnclosed(
      Requested(),
      [] {
        const std::string name = BindOutcome(AF_INET, SOCK_STREAM, "127.0.0.1:0");
        return AddressOf(name) + (name == "127.0.0.1:0" ? " without a port" : "");
      },
      "127.0.0.1");
}

// The names of both ends of a connection of the service to itself.
std::string NamesOfConnection(int domain, const std::string& listen_on, const std::string& to) {
  const UniqueFd listener = Open(domain, SOCK_STREAM), client = Open(domain, SOCK_STREAM);
  const int on = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (Bind(listener.get(), listen_on) != 0 || listen(listener.get(), 1) != 0) return "no listener";
  if (const int error = Dial(client.get(), to)) return ErrnoName(error);
  Name from;
  const UniqueFd server(accept4(listener.get(), from.get(), &from.size, SOCK_CLOEXEC));
  const bool agree = Text(from) == LocalName(client.get()) && Text(from) == PeerName(server.get());
  return absl::StrCat(AddressOf(LocalName(client.get())), " to ", PeerName(client.get()), ", at ",
                      LocalName(server.get()), agree ? "" : absl::StrCat(", which sees ", AddressOf(Text(from))));
}

TEST_F(WallReportTest, BothEndsOfAConnectionToItselfAreOnLoopback) {
  for (const char* listen_on : {"127.0.0.1:8080", "0.0.0.0:8080"}) {
    ExpectEnclosed(
        Requested(), [&] { return NamesOfConnection(AF_INET, listen_on, "127.0.0.1:8080"); },
        "127.0.0.1 to 127.0.0.1:8080, at 127.0.0.1:8080");
  }
  ExpectEnclosed(
      Requested(), [] { return NamesOfConnection(AF_INET6, "[::1]:8080", "[::1]:8080"); },
      "[::1] to [::1]:8080, at [::1]:8080");
  ExpectEnclosed(
      Requested(), [] { return NamesOfConnection(AF_INET6, "[::]:8080", "[::ffff:127.0.0.1]:8080"); },
      "[::ffff:127.0.0.1] to [::ffff:127.0.0.1]:8080, at [::ffff:127.0.0.1]:8080");
}

TEST_F(WallReportTest, WhoDialsThePrivateAddressIsToldThatHeDid) {
  ExpectEnclosed(
      Requested(), [] { return NamesOfConnection(AF_INET, "0.0.0.0:8080", "127.84.3.1:8080"); },
      "127.84.3.1 to 127.84.3.1:8080, at 127.0.0.1:8080, which sees 127.0.0.1");
}

// A connected UDP socket is found by its peer's port as well.
TEST_F(WallReportTest, AConnectedSocketIsAnsweredByItsName) {
  for (const auto& [domain, at] : {std::pair(AF_INET, "127.0.0.1:0"), std::pair(AF_INET6, "[::1]:0")}) {
    ExpectEnclosed(
        Requested(),
        [domain = domain, at = at] {
          const UniqueFd server = Open(domain, SOCK_DGRAM), client = Open(domain, SOCK_DGRAM);
          if (Bind(server.get(), at) != 0 || Dial(client.get(), LocalName(server.get())) != 0) return "no pair";
          if (SendTo(server.get(), LocalName(client.get())) != 0) return "not sent";
          char byte;
          return recv(client.get(), &byte, 1, 0) >= 0 ? "heard" : "nothing heard";
        },
        "heard");
  }
}

// Where a datagram to itself came from, as who compares that with where he sent it wants to hear.
std::string SourceOfDatagram(int domain, const std::string& at, const std::string& to) {
  const UniqueFd server = Open(domain, SOCK_DGRAM), client = Open(domain, SOCK_DGRAM);
  if (Bind(server.get(), at) != 0 || Bind(client.get(), at) != 0) return "no sockets";
  const std::string port = LocalName(server.get()).substr(AddressOf(LocalName(server.get())).size());
  if (const int error = SendTo(client.get(), to + port)) return ErrnoName(error);
  Name from;
  char byte;
  if (recvfrom(server.get(), &byte, 1, 0, from.get(), &from.size) < 0) return "nothing heard";
  return AddressOf(Text(from));
}

TEST_F(WallReportTest, ADatagramToItselfCameFromLoopback) {
  const auto expect = [&](const WallRules& rules, int domain, const char* at, const char* to, const char* source) {
    ExpectEnclosed(
        rules, [&] { return SourceOfDatagram(domain, at, to); }, source);
  };
  expect(Requested(), AF_INET, "127.0.0.1:0", "127.0.0.1", "127.0.0.1");
  expect(Requested(), AF_INET6, "[::1]:0", "[::1]", "[fd77:1f2a:90c1::3:1]");
  expect(Requested(), AF_INET6, "[::ffff:127.0.0.1]:0", "[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]");
  expect({}, AF_INET, "127.0.0.1:0", "127.0.0.1", "127.84.3.1");
  // Where 127.0.0.1 is the host's as a destination, an answer to it would go astray.
  WallRules host = Requested();
  host.loopback = Loopback::kHost;
  expect(host, AF_INET, "127.0.0.1:0", "127.84.3.1", "127.84.3.1");
  expect(Requested(), AF_INET, "127.0.0.1:0", "127.84.3.1", "127.0.0.1");
}

TEST_F(WallReportTest, AnotherServicesDatagramComesFromWhereItComes) {
  const UniqueFd other = HostSocket("127.84.9.9:3000", SOCK_DGRAM);
  ExpectEnclosed(
      Requested(),
      [&] {
        const UniqueFd server = Open(AF_INET, SOCK_DGRAM);
        if (Bind(server.get(), "127.0.0.1:53") != 0 || SendTo(other.get(), "127.84.3.1:53") != 0)
          return std::string("none");
        Name from;
        char byte;
        if (recvfrom(server.get(), &byte, 1, 0, from.get(), &from.size) < 0) return std::string("nothing heard");
        return Text(from);
      },
      "127.84.9.9:3000");
}

TEST_F(WallReportTest, AnotherServicesConnectionsHaveTheirRealNames) {
  const UniqueFd other = HostSocket("127.84.9.9:3000", SOCK_STREAM);
  ExpectEnclosed(
      Requested(), [] { return ConnectOutcome(AF_INET, "127.84.9.9:3000"); }, "127.84.9.9:3000 from 127.84.3.1");
}

// The companion's checks hang on that.
TEST_F(WallReportTest, WhoeverIsOutsideHearsTheTruth) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd here(ends[0]), there(ends[1]);
  EXPECT_EQ(Enclosed(Requested(),
                     [&] {
                       const uint8_t byte = 0;
                       const UniqueFd fd = Open(AF_INET, SOCK_STREAM);
                       if (Bind(fd.get(), "127.0.0.1:8080") != 0 || LocalName(fd.get()) != "127.0.0.1:8080") return 97;
                       return SendPacket(there.get(), {&byte, 1}, fd.get());
                     }),
            0);
  Packet packet;
  ASSERT_EQ(ReceivePacket(here.get(), 1, &packet), 0);
  EXPECT_EQ(LocalName(packet.fd.get()), "127.84.3.1:8080");
}

// ---- with a companion

class WallReportRunTest : public SupervisorTest {
 protected:
  std::vector<std::string> Run(const std::vector<std::string>& options, const std::vector<std::string>& calls) {
    const std::string profile = supervisor_->state_dir() + "/web.toml";
    std::ofstream(profile) << "name = \"web\"\naddress = [\"" << kV4 << "\", \"" << kV6
                           << "\"]\npublish = [\"tcp/80\"]\nreport = \"requested\"\n";
    std::vector<std::string> words = {kForcebindProgram,          "run",       "--supervisor",
                                      supervisor_->socket_path(), "--profile", profile};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"--", kProbeProgram});
    words.insert(words.end(), calls.begin(), calls.end());
    return words;
  }
};

TEST_F(WallReportRunTest, TheCompanionPublishesAndPinsByTheTruth) {
  for (const std::vector<std::string>& options : {std::vector<std::string>{}, {"--wall", "cgroup"}}) {
    ChildProcess service(Run(options, {"s=socket inet stream", "bind s 0.0.0.0:80", "getsockname s", "listen s 5",
                                       "getsockname s", "u=socket inet stream", "listen u 5", "getsockname u",
                                       "v=socket inet6 dgram", "bind v [::1]:53", "getsockname v", "hold"}));
    ASSERT_TRUE(service.ReadUntil("holding\n")) << service.ErrorText();
    EXPECT_THAT(service.output(), HasSubstr("bind s 0.0.0.0:80 -> 0\ngetsockname s -> 0.0.0.0:80 (16)\n"
                                            "listen s 5 -> 0\ngetsockname s -> 0.0.0.0:80 (16)\n"));
    EXPECT_THAT(service.output(), HasSubstr("getsockname u -> 0.0.0.0:"));
    EXPECT_THAT(service.output(), HasSubstr("getsockname v -> [::1]:53"));
    EXPECT_EQ(FromClient("192.0.2.7:80"), 0);
    EXPECT_EQ(Status()["services"][0]["listeners"][0]["private"], "127.84.3.1:80");
    service.CloseInput();
    EXPECT_EQ(service.Wait(), 0);
  }
}

}  // namespace
}  // namespace forcebind
