# SPDX-License-Identifier: Apache-2.0
# The backends. Only this library sees libbpf.
find_package(PkgConfig REQUIRED)
pkg_check_modules(FB_LIBBPF REQUIRED IMPORTED_TARGET libbpf>=1.1)

fb_library(fb_backend
  SOURCES bpf_grace.cc bpf_programs.cc bpf_slots.cc bpf_test_run.cc bpf_tracker.cc bpf_backend.cc cgroup_wall.cc libbpf_words.cc pin_dir.cc policy_storage.cc port_reservations.cc wall_policy.cc
  USES fb_core fb_sys fb_sys_netlink fb_absl PkgConfig::FB_LIBBPF)
add_dependencies(fb_backend fb_bpf_skeleton)
