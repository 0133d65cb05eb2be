// SPDX-License-Identifier: Apache-2.0
#include "tests/oracle/generator.h"

#include <array>
#include <random>

#include "absl/strings/str_cat.h"

namespace forcebind {
namespace {

constexpr int kSlots = 6;  // a … f

struct Weighted {
  int weight;
  const char* text;
};

constexpr Weighted kIpv4[] = {
    {20, "0.0.0.0"},       {12, "127.0.0.1"}, {5, "127.0.0.9"},       {6, "127.84.3.1"},  {3, "127.84.3.2"},
    {8, "192.0.2.7"},      {4, "192.0.2.8"},  {3, "198.51.100.7"},    {4, "203.0.113.5"}, {2, "192.0.2.100"},
    {2, "224.0.0.5"},      {1, "239.1.2.3"},  {2, "255.255.255.255"}, {2, "192.0.2.255"}, {1, "127.255.255.255"},
    {1, "198.51.100.255"}, {1, "0.0.0.5"},    {1, "127.0.0.0"},       {1, "192.0.2.0"},   {1, "240.0.0.1"},
    {1, "169.254.1.1"},
};
constexpr Weighted kIpv6[] = {
    {24, "::"},
    {12, "::1"},
    {6, "fd5e:1f2a:90c1::1"},
    {2, "fd5e:1f2a:90c1::2"},
    {6, "2001:db8::7"},
    {3, "2001:db8:1::7"},
    {6, "::ffff:0.0.0.0"},
    {6, "::ffff:127.0.0.1"},
    {4, "::ffff:127.84.3.1"},
    {4, "::ffff:192.0.2.7"},
    {2, "::ffff:203.0.113.5"},
    {1, "::ffff:224.0.0.5"},
    {1, "::ffff:192.0.2.255"},
    {1, "::ffff:255.255.255.255"},
    {4, "2001:db8:ffff::1"},
    {2, "2001:db8::100"},
    {1, "::127.0.0.1"},
    {1, "fe80::7"},
    {1, "fec0::1"},
    {1, "ff02::1"},
    {1, "ff0e::1"},
    {1, "ff05::1"},
};
constexpr Weighted kLinkLocal[] = {{4, "fe80::7%100"}, {2, "fe80::7%1"}, {2, "fe80::1%100"},   {2, "fe80::1%77"},
                                   {2, "ff02::1%100"}, {1, "ff01::1%1"}, {1, "2001:db8::7%77"}};
constexpr Weighted kBindPorts[] = {{30, "p1"}, {16, "p2"},  {6, "p3"},   {22, "0"},   {2, "80"},
                                   {1, "1"},   {1, "1023"}, {1, "1024"}, {1, "65535"}};
constexpr Weighted kPeerPorts[] = {{20, "p1"}, {10, "p2"}, {3, "p3"}, {2, "p9"}, {1, "0"}};
constexpr Weighted kLengths[] = {{2, "0"},  {1, "1"},  {2, "2"},   {1, "4"},   {2, "8"},  {3, "15"},
                                 {4, "16"}, {1, "17"}, {2, "23"},  {4, "24"},  {2, "27"}, {3, "28"},
                                 {1, "29"}, {1, "64"}, {2, "128"}, {2, "129"}, {2, "-1"}, {1, "0x7fffffff"}};
constexpr Weighted kBacklogs[] = {{10, "5"}, {4, "1"}, {3, "0"}, {2, "128"}, {1, "-1"}, {1, "0x7fffffff"}};
constexpr Weighted kOptions[] = {{14, "reuseaddr"},  {10, "v6only"},   {6, "freebind"}, {3, "transparent"},
                                 {4, "no_port_yet"}, {3, "broadcast"}, {1, "keepalive"}};
constexpr Weighted kAskedOptions[] = {{6, "error"},  {4, "acceptconn"}, {2, "type"},    {2, "reuseaddr"},
                                      {2, "v6only"}, {1, "protocol"},   {1, "ifindex"}, {1, "reuseport"}};
constexpr Weighted kOddSockets[] = {
    {2, "inet stream 17"},  {2, "inet dgram 6"},    {1, "inet6 dgram 6"},  {1, "inet 0 0"},
    {1, "inet 11 0"},       {1, "inet 15 0"},       {1, "inet stream -1"}, {1, "inet stream 256"},
    {1, "0 stream"},        {1, "99 stream"},       {1, "-1 stream"},      {1, "unix raw"},
    {1, "unix stream 7"},   {1, "inet 0x10001"},    {1, "inet seqpacket"}, {2, "inet stream 6"},
    {2, "inet dgram 17"},   {1, "inet6 stream 6"},  {1, "inet dgram 136"}, {1, "inet6 dgram 136"},
    {1, "netlink dgram 0"}, {1, "inet stream 132"},
};
constexpr Weighted kUnixNames[] = {{6, "unix/u1"},      {3, "unix/u2"}, {4, "abstract/x1"}, {2, "abstract/x2"},
                                   {1, "unix/none/u3"}, {1, "unix/."},  {1, "abstract/"}};

struct Picture {
  enum Family { kNone, kInet, kInet6, kUnix } family = kNone;
  bool stream = false;
  bool listening = false;
};

class Generator {
 public:
  Generator(uint64_t seed, uint64_t index, const GeneratorOptions& options)
      : options_(options), random_(seed * 0x9e3779b97f4a7c15u + index) {}

  Sequence Make() {
    Begin();
    const int calls = 5 + Below(14);
    NewSocket();
    for (int i = 0; i < calls; ++i) Next();
    for (int i = 0; i < kSlots; ++i) {
      if (sockets_[i].family != Picture::kNone) SayEnd(i);
    }
    if (signals_) lines_.push_back("signals 0");
    return std::move(lines_);
  }

 private:
  int Below(int limit) { return static_cast<int>(random_() % static_cast<uint64_t>(limit)); }
  bool Chance(int percent) { return Below(100) < percent; }

  template <size_t n>
  const char* Pick(const Weighted (&table)[n]) {
    int sum = 0;
    for (const Weighted& one : table) sum += one.weight;
    int left = Below(sum);
    for (const Weighted& one : table) {
      left -= one.weight;
      if (left < 0) return one.text;
    }
    return table[0].text;
  }

  void Begin() {
    signals_ = Chance(4);
    reuseport_ = Chance(15);
    mptcp_ = Chance(3) && !options_.in_cgroup;
    traffic_ = !reuseport_ && !mptcp_ && !options_.in_cgroup;
    unix_percent_ = Chance(10) ? 60 : 4;
    if (signals_) lines_.push_back(absl::StrCat("signals ", 150 + Below(300)));
  }

  // A socket's slot; mostly one that is there.
  int Slot() {
    if (Chance(3)) return Below(kSlots);
    for (int tries = 0; tries < 10; ++tries) {
      const int slot = Below(kSlots);
      if (sockets_[slot].family != Picture::kNone) return slot;
    }
    return 0;
  }
  template <typename Wanted>
  int SlotOf(Wanted wanted) {
    for (int tries = 0; tries < 20; ++tries) {
      const int slot = Below(kSlots);
      if (sockets_[slot].family != Picture::kNone && wanted(sockets_[slot])) return slot;
    }
    return Slot();
  }
  static std::string Name(int slot) { return std::string(1, static_cast<char>('a' + slot)); }
  // What a call is made on: now and then no socket at all.
  std::string Subject(int slot) {
    if (!Chance(2)) return Name(slot);
    return Chance(50) ? "900" : Chance(50) ? "77" : "-1";
  }

  // A call's suffixes.
  std::string How(bool has_doors) {
    std::string how;
    if (Chance(8)) {
      how = ".thread";
    } else if (!signals_ && Chance(3)) {
      how = ".fork";
    }
    if (has_doors && Chance(6)) absl::StrAppend(&how, Chance(50) ? ".int80" : ".socketcall");
    return how;
  }
  void Say(const std::string& call, const std::string& rest, bool has_doors = false) {
    lines_.push_back(absl::StrCat(call, How(has_doors), " ", rest));
  }

  void NewSocket() {
    const int slot = Below(kSlots);
    const std::string call =
        absl::StrCat(Name(slot), "=socket", Chance(5) ? (Chance(50) ? ".int80" : ".socketcall") : "");
    if (!signals_ && Chance(4)) {
      lines_.push_back(absl::StrCat(call, " ", Pick(kOddSockets)));
      sockets_[slot] = {Picture::kInet, true};
      return;
    }
    Picture& made = sockets_[slot];
    made.listening = false;
    made.family = Chance(unix_percent_) ? Picture::kUnix : Chance(50) ? Picture::kInet : Picture::kInet6;
    made.stream = Chance(75);
    const char* family = made.family == Picture::kUnix ? "unix" : made.family == Picture::kInet ? "inet" : "inet6";
    const bool nonblock = signals_ || Chance(80);
    lines_.push_back(absl::StrCat(call, " ", family, made.stream ? " stream" : " dgram", nonblock ? "+nonblock" : "",
                                  mptcp_ && made.stream && made.family != Picture::kUnix && Chance(60) ? " 262" : ""));
  }

  std::string Length(int percent) { return Chance(percent) ? absl::StrCat(" len=", Pick(kLengths)) : ""; }

  std::string Ipv6Address(const std::string& port) {
    const bool link_local = !options_.ordinary_user && !mptcp_ && Chance(8);
    return absl::StrCat("[", link_local ? Pick(kLinkLocal) : Pick(kIpv6), "]:", port);
  }

  std::string BindAddress(Picture::Family family) {
    if (Chance(1)) return Chance(50) ? "null" : "bad";
    if (Chance(4)) family = static_cast<Picture::Family>(1 + Below(3));
    if (family == Picture::kUnix) return absl::StrCat(Pick(kUnixNames), Length(3));
    const std::string port = Pick(kBindPorts);
    if (family == Picture::kInet6) return Ipv6Address(port) + Length(4);
    const bool unspecified = Chance(3);
    return absl::StrCat(unspecified ? "unspec/" : "", Pick(kIpv4), ":", port, Length(4));
  }

  std::string PeerAddress(Picture::Family family) {
    if (Chance(1)) return "bad";
    if (Chance(45)) {
      const bool listener = Chance(80);
      return "@" + Name(SlotOf([&](const Picture& one) { return one.family == family && one.listening == listener; }));
    }
    if (Chance(4)) family = static_cast<Picture::Family>(1 + Below(3));
    const std::string port = Pick(kPeerPorts), length = Length(3);
    switch (family) {
      case Picture::kUnix:
        return absl::StrCat(Pick(kUnixNames), length);
      case Picture::kInet6:
        if (Chance(50)) return absl::StrCat("[fd5e:1f2a:90c1::1]:", port, length);
        return absl::StrCat(Chance(90) ? "[::ffff:127.84.3.1]:" : "[2001:db8:ffff::1]:", port, length);
      default:
        return absl::StrCat(Chance(90) ? "127.84.3.1:" : "203.0.113.5:", port, length);
    }
  }

  void Bind() {
    const int slot = Slot();
    Say("bind", absl::StrCat(Subject(slot), " ", BindAddress(sockets_[slot].family)), true);
  }

  void Listen() {
    const int slot = SlotOf([](const Picture& one) { return one.stream; });
    sockets_[slot].listening = true;
    Say("listen", absl::StrCat(Subject(slot), " ", Pick(kBacklogs)), true);
  }

  void Connect() {
    const int slot = SlotOf([](const Picture& one) { return !one.listening; });
    const bool disconnect = Chance(12);
    if (disconnect ? mptcp_ : !traffic_) return;
    Say("connect", absl::StrCat(Subject(slot), " ",
                                disconnect ? std::string("unspec/0.0.0.0:0") : PeerAddress(sockets_[slot].family)));
    if (sockets_[slot].stream && Chance(60)) Accept();
  }

  void Accept() {
    const int listener = SlotOf([](const Picture& one) { return one.listening; });
    const int slot = Below(kSlots);
    lines_.push_back(absl::StrCat(Name(slot), "=accept ", Subject(listener)));
    const Picture::Family family = sockets_[listener].family;
    sockets_[slot] = {family == Picture::kNone ? Picture::kInet : family, true};
  }

  void Traffic() {
    if (!traffic_) return;
    const int slot = Slot();
    if (Chance(50)) return Say("recv", Subject(slot));
    const bool connected = Chance(40);
    const Picture::Family family = sockets_[slot].family;
    Say("sendto", connected ? Subject(slot) : absl::StrCat(Subject(slot), " ", PeerAddress(family)));
  }

  void SetOption() {
    const int slot = Slot();
    if (reuseport_ && Chance(50)) return Say("setsockopt", absl::StrCat(Subject(slot), " reuseport 1"));
    if (Chance(8)) return Say("setsockopt", absl::StrCat(Subject(slot), " linger ", Below(2)));
    const std::string option = Pick(kOptions);
    if ((option == "transparent" && options_.in_cgroup) || (option == "no_port_yet" && mptcp_)) return;
    Say("setsockopt", absl::StrCat(Subject(slot), " ", option, " ", Chance(80) ? 1 : 0));
  }

  void Duplicate() {
    const int from = Slot(), to = Below(kSlots);
    if (Chance(50)) {
      lines_.push_back(absl::StrCat(Name(to), "=dup ", Subject(from)));
    } else {
      const std::string target = Chance(70) && sockets_[to].family != Picture::kNone ? Name(to) : absl::StrCat(20 + to);
      lines_.push_back(absl::StrCat(Name(to), "=dup2 ", Name(from), " ", target));
    }
    sockets_[to] = sockets_[from];
  }

  void Shutdown() {
    if (!mptcp_) Say("shutdown", absl::StrCat(Subject(Slot()), " ", Below(4)));
  }

  void Ask() {
    const int slot = Slot();
    if (Chance(60)) return Say("getsockname", Subject(slot));
    if (Chance(30)) return Say("getpeername", Subject(slot));
    if (Chance(30)) return Say("state", Subject(slot));
    Say("getsockopt", absl::StrCat(Subject(slot), " ", Pick(kAskedOptions)));
  }

  void Next() {
    const int which = Below(100);
    if (which < 17) return NewSocket();
    if (which < 40) return Bind();
    if (which < 54) return Listen();
    if (which < 63) return Connect();
    if (which < 66) return Accept();
    if (which < 71) return Traffic();
    if (which < 82) return SetOption();
    if (which < 85) return Duplicate();
    if (which < 90) return Say("close", Subject(Slot()));
    if (which < 92) return Shutdown();
    if (which < 93) return Say("unlink", Chance(50) ? "u1" : "u2");
    Ask();
  }

  // Whatever came out of it.
  void SayEnd(int slot) {
    lines_.push_back(absl::StrCat("getsockname ", Name(slot)));
    if (sockets_[slot].stream) lines_.push_back(absl::StrCat("state ", Name(slot)));
  }

  const GeneratorOptions options_;
  std::mt19937_64 random_;
  Sequence lines_;
  std::array<Picture, kSlots> sockets_;
  bool signals_ = false, reuseport_ = false, mptcp_ = false, traffic_ = true;
  int unix_percent_ = 0;
};

}  // namespace

Sequence GenerateSequence(uint64_t seed, uint64_t index, const GeneratorOptions& options) {
  return Generator(seed, index, options).Make();
}

}  // namespace forcebind
