// SPDX-License-Identifier: Apache-2.0
#include "sys/capabilities.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace forcebind {
namespace {

int Call(long number, __user_cap_data_struct* data) {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  return syscall(number, &header, data) == 0 ? 0 : errno;
}

uint64_t Join(uint32_t low, uint32_t high) { return low | uint64_t{high} << 32; }

}  // namespace

int GetCapabilities(Capabilities* sets) {
  __user_cap_data_struct data[2] = {};
  if (const int error = Call(SYS_capget, data)) return error;
  sets->effective = Join(data[0].effective, data[1].effective);
  sets->permitted = Join(data[0].permitted, data[1].permitted);
  sets->inheritable = Join(data[0].inheritable, data[1].inheritable);
  return 0;
}

int SetEffectiveCapabilities(uint64_t effective) {
  __user_cap_data_struct data[2] = {};
  if (const int error = Call(SYS_capget, data)) return error;
  data[0].effective = data[0].permitted & static_cast<uint32_t>(effective);
  data[1].effective = data[1].permitted & static_cast<uint32_t>(effective >> 32);
  return Call(SYS_capset, data);
}

RaisedCapability::RaisedCapability(int capability) {
  Capabilities sets;
  if (GetCapabilities(&sets) != 0 || sets.HasEffective(capability)) return;
  before_ = sets.effective;
  raised_ = SetEffectiveCapabilities(before_ | uint64_t{1} << capability) == 0;
}

RaisedCapability::~RaisedCapability() {
  if (raised_) SetEffectiveCapabilities(before_);
}

}  // namespace forcebind
