// SPDX-License-Identifier: Apache-2.0
#include "tests/behaviour/comparison.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <string.h>

#include <algorithm>
#include <fstream>
#include <regex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/endpoint.h"
#include "sys/sockaddr.h"
#include "tests/support/child_process.h"
#include "tests/support/service_host.h"

namespace forcebind {
namespace {

constexpr int kFirstEphemeralPort = 32768;
constexpr char kProfile[] = "/mnt/profile.toml";

std::vector<std::string> ForcedPrefix(const Setting& setting) {
  std::vector<std::string> options = setting.options;
  if (!setting.profile.empty()) {
    std::ofstream(kProfile) << setting.profile;
    options.insert(options.end(), {"--profile", kProfile});
  }
  return PrivateRun(options);
}

UniqueFd OpenStranger(const std::string& text) {
  const bool tcp = text.rfind("tcp ", 0) == 0;
  const Endpoint endpoint = Endpoint::Parse(text.substr(4)).value();
  const bool v4 = endpoint.address.is_v4();
  UniqueFd fd(socket(v4 ? AF_INET : AF_INET6, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
  const uint8_t* bytes = endpoint.address.bytes().data();
  const SockAddr name = v4 ? SockAddrV4(bytes, endpoint.port) : SockAddrV6(bytes, endpoint.port);
  if (bind(fd.get(), name.get(), name.size) != 0 || (tcp && listen(fd.get(), 8) != 0)) {
    ADD_FAILURE() << text << ": " << strerror(errno);
  }
  return fd;
}

std::vector<std::string> WithoutStrangers(std::vector<std::string> lines, const std::vector<std::string>& strangers) {
  for (const std::string& stranger : strangers) {
    const auto found = std::find(lines.begin(), lines.end(), stranger);
    if (found != lines.end()) lines.erase(found);
  }
  return lines;
}

std::string RunOn(ServiceHost& host, const std::vector<std::string>& words, const Setting& setting) {
  std::vector<UniqueFd> strangers;
  for (const std::string& text : setting.strangers) strangers.push_back(OpenStranger(text));
  ChildProcess child(words, ChildInput::kPipe, [&] {
    if (setting.ordinary_user) BecomeOrdinaryUser();
  });
  const bool holds = child.ReadUntil("holding\n");
  std::string sockets;
  for (const std::string& line : WithoutStrangers(host.Listeners(), setting.strangers))
    absl::StrAppend(&sockets, "kernel: ", line, "\n");
  child.CloseInput();
  std::string text = child.ReadAll();
  const int status = child.Wait();
  EXPECT_TRUE(holds && status == 0) << "status " << status << "\n" << child.output() << child.ErrorText();
  text.resize(text.rfind("holding\n") == std::string::npos ? text.size() : text.rfind("holding\n"));
  return text + sockets;
}

std::vector<std::string> Words(const Script& script, const Setting& setting) {
  return Join(Join({"/mnt/bin/" + setting.program}, script), {"hold"});
}

// One address with its port, as it has to be under forcebind.
std::string MapEndpoint(const std::string& address, const std::string& port,
                        const std::map<std::string, std::string>& addresses) {
  const auto found = addresses.find(address);
  const bool bound = port != "0";
  return absl::StrCat(found != addresses.end() && bound ? found->second : address, ":", port);
}

// Ports that the kernel chose differ from run to run.
std::string HideEphemeralPorts(const std::string& text) {
  static const std::regex kEndpoint(R"(([0-9\]]):([0-9]+))");
  std::string result;
  auto from = text.cbegin();
  for (std::sregex_iterator match(text.begin(), text.end(), kEndpoint), end; match != end; ++match) {
    result.append(from, (*match)[0].first);
    const bool ephemeral = atoi(match->str(2).c_str()) >= kFirstEphemeralPort;
    absl::StrAppend(&result, match->str(1), ":", ephemeral ? "EPHEMERAL" : match->str(2));
    from = (*match)[0].second;
  }
  return result.append(from, text.cend());
}

// Without ports that differ from run to run, and the kernel's sockets in the order that is left then.
std::string Comparable(const std::string& text) {
  std::string result;
  std::vector<std::string> sockets;
  const std::string hidden = HideEphemeralPorts(text);
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(hidden, '\n', absl::SkipEmpty()))) {
    if (line.rfind("kernel: ", 0) == 0) {
      sockets.push_back(line);
    } else {
      absl::StrAppend(&result, line, "\n");
    }
  }
  std::sort(sockets.begin(), sockets.end());
  for (const std::string& line : sockets) absl::StrAppend(&result, line, "\n");
  return result;
}

std::string MapLine(const std::string& line, const std::map<std::string, std::string>& addresses) {
  static const std::regex kEndpoint(R"((\d+\.\d+\.\d+\.\d+|\[[0-9a-f:.]+\]):(\d+))");
  const size_t arrow = line.find(" -> ");
  const size_t start = arrow == std::string::npos ? 0 : arrow;
  std::string result = line.substr(0, start);
  auto from = line.cbegin() + static_cast<ssize_t>(start);
  for (std::sregex_iterator match(from, line.cend(), kEndpoint), end; match != end; ++match) {
    result.append(from, (*match)[0].first);
    result += MapEndpoint(match->str(1), match->str(2), addresses);
    from = (*match)[0].second;
  }
  return result.append(from, line.cend());
}

}  // namespace

std::map<std::string, std::string> DefaultAddresses() {
  const std::string mapped = absl::StrCat("[::ffff:", kPrivateV4, "]");
  const std::string v6 = absl::StrCat("[", kPrivateV6, "]");
  return {{"0.0.0.0", kPrivateV4},
          {"127.0.0.1", kPrivateV4},
          {"127.0.0.9", kPrivateV4},
          {"192.0.2.7", kPrivateV4},
          {"[::]", mapped},
          {"[::ffff:0.0.0.0]", mapped},
          {"[::ffff:127.0.0.1]", mapped},
          {"[::ffff:192.0.2.7]", mapped},
          {"[::1]", v6},
          {"[2001:db8::7]", v6}};
}

std::string RunNatively(const Script& script, const Setting& setting) {
  ServiceHost host;
  return RunOn(host, Words(script, setting), setting);
}

std::string RunForced(const Script& script, const Setting& setting) {
  ServiceHost host;
  return RunOn(host, Join(ForcedPrefix(setting), Words(script, setting)), setting);
}

std::string Expected(const std::string& native, const Setting& setting) {
  std::map<std::string, std::string> addresses = setting.addresses;
  addresses.merge(DefaultAddresses());
  std::string result;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(native, '\n', absl::SkipEmpty()))) {
    absl::StrAppend(&result, MapLine(line, addresses), "\n");
  }
  return Comparable(result);
}

std::string ExpectSame(const Script& script, const Setting& setting) {
  const std::string native = RunNatively(script, setting);
  const std::string forced = RunForced(script, setting);
  EXPECT_EQ(Expected(native, setting), Comparable(forced));
  return forced;
}

}  // namespace forcebind
