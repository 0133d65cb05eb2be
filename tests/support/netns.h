// SPDX-License-Identifier: Apache-2.0
// netns: the network that a test runs in: a host with several public addresses, and a client across a veth pair.
//
//   host (the calling thread's)                          client
//   public  192.0.2.7, .8/24      2001:db8::7, ::8/64    public  192.0.2.100     2001:db8::100
//           198.51.100.7/24       2001:db8:1::7/64               198.51.100.100  2001:db8:1::100
//   lo      127.0.0.0/8           fd5e:1f2a:90c1::1 … ::9/128
//
// A TestNetwork moves the calling thread into a network and a mount namespace of its own, with a bpffs; the destructor
// moves it back. Processes that the thread starts meanwhile are inside, too. Needs root.
//
// THREADS  One per thread; create and destroy it on the same one, and start no threads of the test's before.
#ifndef FORCEBIND_TESTS_SUPPORT_NETNS_H_
#define FORCEBIND_TESTS_SUPPORT_NETNS_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sys/unique_fd.h"

namespace forcebind {

// The calling thread is in another network namespace as long as this lives.
class EnteredNetns {
 public:
  explicit EnteredNetns(int netns_fd);
  ~EnteredNetns();
  EnteredNetns(const EnteredNetns&) = delete;
  EnteredNetns& operator=(const EnteredNetns&) = delete;

 private:
  UniqueFd previous_;
};

class TestNetwork {
 public:
  static absl::StatusOr<std::unique_ptr<TestNetwork>> Create();
  ~TestNetwork();
  TestNetwork(const TestNetwork&) = delete;
  TestNetwork& operator=(const TestNetwork&) = delete;

  int host_netns() const { return host_.get(); }
  int client_netns() const { return client_.get(); }
  // Where the bpffs is mounted; empty at first. Gone with this object.
  const std::string& bpffs() const { return bpffs_; }
  // The cgroup v2 hierarchy's root.
  const std::string& cgroup_root() const { return cgroup_root_; }
  // Where this test may make a cgroup: tests run side by side.
  std::string OwnCgroup() const;

  // What `body` returns, run as if on the client; sockets that it opens stay there.
  template <typename Body>
  auto OnClient(Body&& body) const {
    EnteredNetns entered(client_.get());
    return std::forward<Body>(body)();
  }

 private:
  TestNetwork() = default;
  absl::Status Enter();
  absl::Status MountBpffs();
  absl::Status ConnectHosts();

  UniqueFd previous_netns_, previous_mounts_, previous_root_, previous_directory_;
  UniqueFd host_, client_;
  std::string bpffs_, cgroup_root_;
};

// Runs ip(8) with these lines as its batch, in the calling thread's namespaces.
absl::Status IpBatch(const std::string& lines);

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_SUPPORT_NETNS_H_
