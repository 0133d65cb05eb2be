// SPDX-License-Identifier: Apache-2.0
#include "core/explain.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace forcebind {
namespace {

// What one stage of the kernel's own lookup found.
struct Candidates {
  std::vector<const SocketFact*> best;          // of the highest score
  std::vector<const SocketFact*> beaten;        // of a lower one
  std::vector<const SocketFact*> other_device;  // bound to an interface that the packet does not come in by
};

std::string Who(const SocketFact& socket) {
  std::string who = socket.service.empty() ? "" : absl::StrCat("service \"", socket.service, "\"");
  if (!socket.command.empty()) absl::StrAppend(&who, who.empty() ? "" : ", ", socket.command);
  if (socket.pid != 0) absl::StrAppend(&who, " (process ", socket.pid, ")");
  if (who.empty()) who = absl::StrCat("a process of user ", socket.uid);
  return absl::StrCat(who, " on ", socket.local.ToString());
}

std::string Names(const std::vector<const SocketFact*>& sockets) {
  constexpr size_t kNamed = 4;
  std::string names;
  for (size_t i = 0; i < sockets.size() && i < kNamed; ++i)
    absl::StrAppend(&names, i == 0 ? "" : "; ", Who(*sockets[i]));
  if (sockets.size() > kNamed) absl::StrAppend(&names, "; and ", sockets.size() - kNamed, " more");
  return names;
}

// True if the socket takes packets of the dialled family at all.
bool ServesFamily(const SocketFact& socket, bool v4) {
  if (socket.family == Family::kIpv4) return v4;
  if (!v4) return !socket.local.address.IsV4Mapped();
  return !socket.v6only && (socket.local.address.IsV4Mapped() || socket.local.address.IsWildcard());
}

bool IsExact(const SocketFact& socket, const IpAddress& dialled) { return socket.local.address.Unmapped() == dialled; }

bool IsWildcard(const SocketFact& socket) { return socket.local.address.Unmapped().IsWildcard(); }

// compute_score() without the incoming CPU. UDP's weights differ, its order does not.
int Score(const SocketFact& socket, bool v4) {
  const bool own_family = v4 && socket.family == Family::kIpv4;
  return (socket.ifindex != 0 ? 2 : 1) + (own_family ? 1 : 0) +
         (socket.protocol == Protocol::kUdp && socket.ifindex != 0 ? 3 : 0);
}

template <typename Matches>
Candidates Find(const ExplainFacts& facts, Matches matches) {
  const bool v4 = facts.endpoint.address.is_v4();
  Candidates found;
  int best = 0;
  for (const SocketFact& socket : facts.sockets) {
    if (socket.protocol != facts.protocol || socket.local.port != facts.endpoint.port || socket.connected) continue;
    if (!ServesFamily(socket, v4) || !matches(socket)) continue;
    if (socket.ifindex != 0 && socket.ifindex != facts.ingress_ifindex) {
      found.other_device.push_back(&socket);
      continue;
    }
    const int score = Score(socket, v4);
    if (score > best) {
      found.beaten.insert(found.beaten.end(), found.best.begin(), found.best.end());
      found.best.clear();
      best = score;
    }
    (score == best ? found.best : found.beaten).push_back(&socket);
  }
  return found;
}

std::string Describe(const Candidates& found) {
  std::string what = found.best.empty() ? "nobody" : Names(found.best);
  if (!found.beaten.empty()) absl::StrAppend(&what, "; beaten by it: ", Names(found.beaten));
  if (!found.other_device.empty()) {
    absl::StrAppend(&what, "; bound to another interface: ", Names(found.other_device));
  }
  return what;
}

// What forcebind's program finds for the endpoint.
struct Dispatch {
  const Route* route = nullptr;
  const GroupFact* group = nullptr;
  bool taker() const { return group != nullptr && !group->alive.empty(); }
  bool refuses() const { return route != nullptr && route->group != kNobody && !taker() && route->refuse_when_gone; }
};

// At one stage, for one port.
Dispatch FindRoute(const ExplainFacts& facts, Stage stage, uint16_t port) {
  Dispatch found;
  for (const Route& route : facts.routes) {
    if (route.key.protocol != facts.protocol || route.key.port != port || route.key.stage != stage) continue;
    if (!route.key.on.Contains(facts.endpoint.address)) continue;
    if (found.route == nullptr || route.key.on.length > found.route->key.on.length) found.route = &route;
  }
  if (found.route == nullptr) return found;
  for (const GroupFact& group : facts.groups) {
    if (group.group == found.route->group && found.route->group != kNobody) found.group = &group;
  }
  return found;
}

Dispatch FindFallback(const ExplainFacts& facts) {
  const Dispatch found = FindRoute(facts, Stage::kF, facts.endpoint.port);
  return found.route != nullptr ? found : FindRoute(facts, Stage::kF, kAnyPort);
}

std::string DescribeRoute(const Dispatch& dispatch) {
  if (dispatch.route == nullptr) return "no route for the port and address";
  const std::string on = dispatch.route->key.on.ToString();
  if (dispatch.route->group == kNobody)
    return absl::StrCat("route ", on, " keeps published ports off private addresses");
  if (dispatch.taker()) return absl::StrCat("route ", on, " to service \"", dispatch.group->service, "\"");
  return absl::StrCat("route ", on, " to a service that is gone");
}

class Walk {
 public:
  explicit Walk(const ExplainFacts& facts)
      : facts_(facts),
        dispatch_(FindRoute(facts, Stage::kD, facts.endpoint.port)),
        fallback_(FindFallback(facts)),
        exact_(Find(facts, [&](const SocketFact& socket) { return IsExact(socket, facts.endpoint.address); })),
        wildcard_(Find(facts, IsWildcard)) {}

  Explanation Run() {
    if (!facts_.address_is_local) return NotLocal();
    Connected();
    ProgramAtB();
    Listeners("C", exact_, "the exact address wins over any wildcard");
    ProgramAtD();
    Listeners("E", wildcard_, "no exact listener, no publication: the wildcard has it");
    ProgramAtF();
    Finish();
    return std::move(result_);
  }

 private:
  bool decided() const { return result_.winner.has_value(); }

  void Add(const char* stage, std::string what, std::string outcome) {
    result_.stages.push_back({stage, std::move(what), decided_before_ ? "not reached" : std::move(outcome)});
    decided_before_ = decided();
  }

  Explanation NotLocal() {
    result_.text =
        absl::StrCat(facts_.endpoint.address.ToString(), " is not an address of this host: nothing arrives here");
    return std::move(result_);
  }

  void Connected() {
    const auto count = std::count_if(facts_.sockets.begin(), facts_.sockets.end(), [&](const SocketFact& socket) {
      return socket.connected && socket.protocol == facts_.protocol && socket.local.port == facts_.endpoint.port &&
             socket.local.address.Unmapped() == facts_.endpoint.address;
    });
    const bool tcp = facts_.protocol == Protocol::kTcp;
    Add("A", count == 0 ? "no connected socket" : absl::StrCat(count, " connected to one peer each"),
        tcp ? "a new connection has none: goes on" : "goes on, but for what those peers send");
  }

  void Decide(const char* stage, const SocketFact& socket) {
    result_.winner = ExplainedWinner{.stage = stage,
                                     .service = socket.service,
                                     .command = socket.command,
                                     .pid = socket.pid,
                                     .local = socket.local.ToString()};
  }

  // A socket of the group that the route leads to, if it is among the facts.
  void DecideRouted(const char* stage, const GroupFact& group) {
    result_.winner = ExplainedWinner{.stage = stage, .service = group.service};
    for (const SocketFact& socket : facts_.sockets) {
      if (std::find(group.alive.begin(), group.alive.end(), socket.cookie) != group.alive.end()) {
        return Decide(stage, socket);
      }
    }
  }

  void Program(const char* stage, const Dispatch& dispatch) {
    const bool acts = dispatch.group != nullptr || dispatch.refuses();
    if (acts && !exact_.best.empty() && stage[0] == 'B') {
      return Add(stage, DescribeRoute(dispatch), "yields: somebody listens on exactly this address, see C");
    }
    if (dispatch.taker()) {
      if (!decided()) DecideRouted(stage, *dispatch.group);
      return Add(stage, DescribeRoute(dispatch), absl::StrCat("given to service \"", dispatch.group->service, "\""));
    }
    if (dispatch.refuses()) {
      if (!decided()) result_.winner = ExplainedWinner{.stage = stage, .refused = true};
      return Add(stage, DescribeRoute(dispatch), "dropped: the profile of the service that is gone says so");
    }
    Add(stage, DescribeRoute(dispatch), "goes on");
  }

  void ProgramAtB() {
    if (facts_.backend == "hook-b") {
      Program("B", dispatch_);
    } else {
      Add("B", "nothing of forcebind's", "goes on");
    }
  }

  void ProgramAtF() {
    if (facts_.backend == "hook-d") {
      Program("F", fallback_);
    } else {
      Add("F", "nothing: it takes a patched kernel", "goes on");
    }
  }

  void ProgramAtD() {
    if (facts_.backend == "hook-d") {
      Program("D", dispatch_);
    } else {
      Add("D", facts_.backend == "hook-b" ? "hook-b acts for it, see B" : "nothing: it takes a patched kernel",
          "goes on");
    }
  }

  void Listeners(const char* stage, const Candidates& found, const char* why) {
    if (found.best.empty()) return Add(stage, Describe(found), "goes on");
    if (!decided()) Decide(stage, *found.best.front());
    std::string outcome = why;
    if (found.best.size() > 1) {
      absl::StrAppend(&outcome, "; ", found.best.size(), " sockets of equal rank share it",
                      facts_.protocol == Protocol::kUdp ? ", or the youngest has it, without SO_REUSEPORT" : "");
    }
    Add(stage, Describe(found), outcome);
  }

  void Finish() {
    const std::string target = absl::StrCat(ToString(facts_.protocol), " ", facts_.endpoint.ToString());
    if (!decided()) {
      result_.text =
          absl::StrCat("nobody listens for ", target,
                       facts_.protocol == Protocol::kTcp ? ": a connection is refused"
                                                         : ": a datagram is answered by ICMP port unreachable");
      return;
    }
    const ExplainedWinner& winner = *result_.winner;
    if (winner.refused) {
      result_.text = absl::StrCat(target, " is dropped at stage ", winner.stage, ": its service is gone");
      return;
    }
    std::string who = winner.service.empty() ? winner.command : absl::StrCat("service \"", winner.service, "\"");
    if (who.empty()) who = "a process that cannot be looked into";
    if (winner.pid != 0) absl::StrAppend(&who, " (process ", winner.pid, ")");
    result_.text = absl::StrCat(target, " goes to ", who, " at stage ", winner.stage);
    if (!winner.local.empty()) absl::StrAppend(&result_.text, ", whose socket is on ", winner.local);
  }

  const ExplainFacts& facts_;
  const Dispatch dispatch_, fallback_;
  const Candidates exact_, wildcard_;
  Explanation result_;
  bool decided_before_ = false;
};

}  // namespace

Explanation Explain(const ExplainFacts& facts) { return Walk(facts).Run(); }

}  // namespace forcebind
