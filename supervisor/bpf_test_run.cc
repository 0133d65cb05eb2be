// SPDX-License-Identifier: Apache-2.0
#include "supervisor/bpf_test_run.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/socket.h>

#include "sys/errno_status.h"

namespace forcebind {
namespace {

bpf_sk_lookup ContextOf(const LookupQuestion& question) {
  bpf_sk_lookup context{};
  context.protocol = static_cast<uint32_t>(question.protocol);
  context.local_port = question.local.port;
  context.remote_port = htons(question.remote.port);
  context.ingress_ifindex = question.ingress_ifindex;
  const auto& local = question.local.address.bytes();
  const auto& remote = question.remote.address.bytes();
  if (question.local.address.is_v4()) {
    context.family = AF_INET;
    memcpy(&context.local_ip4, local.data(), 4);
    memcpy(&context.remote_ip4, remote.data(), 4);
  } else {
    context.family = AF_INET6;
    memcpy(context.local_ip6, local.data(), 16);
    memcpy(context.remote_ip6, remote.data(), 16);
  }
  return context;
}

}  // namespace

absl::StatusOr<LookupAnswer> RunLookup(const BpfBackend& backend, const LookupQuestion& question, int repeat) {
  bpf_sk_lookup in = ContextOf(question), out{};
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.ctx_in = &in;
  options.ctx_size_in = sizeof(in);
  options.ctx_out = &out;
  options.ctx_size_out = sizeof(out);
  options.repeat = repeat;
  if (bpf_prog_test_run_opts(backend.programs().program("fb_lookup"), &options) != 0)
    return ErrnoStatus(errno, "run the BPF program fb_lookup");
  return LookupAnswer{options.retval == SK_DROP, out.cookie, options.duration};
}

absl::Status PretendExactListeners(const BpfBackend& backend, uint32_t count) {
  auto exact = backend.programs().Table<fb_exact_key, uint32_t>("exact");
  if (!exact.ok()) return exact.status();
  for (uint32_t i = 0; i < count; ++i) {
    fb_exact_key key{};
    const uint32_t address = htonl(0x0a000000 + i);
    memcpy(key.address, &address, sizeof(address));
    key.port = htons(443);
    key.protocol = static_cast<uint8_t>(Protocol::kTcp);
    key.family = FB_FAMILY_IPV4;
    if (absl::Status status = exact->Put(key, 1); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace forcebind
