# SPDX-License-Identifier: Apache-2.0
# Helper functions: one way to declare a room's library, a program, a test and a fuzz target.

find_package(PkgConfig REQUIRED)
find_package(GTest REQUIRED)

# A Debian library, from its static archive: the programs then start without a run of the dynamic linker through dozens
# of shared objects, and a companion's memory stays small.
function(fb_static_pkg target)
  pkg_check_modules(${target}_PC REQUIRED ${ARGN})
  add_library(${target} INTERFACE)
  target_include_directories(${target} SYSTEM INTERFACE ${${target}_PC_INCLUDE_DIRS})
  target_link_directories(${target} INTERFACE ${${target}_PC_LIBRARY_DIRS})
  target_link_options(${target} INTERFACE ${FB_PUSH_STATIC})
  set(libraries ${${target}_PC_STATIC_LIBRARIES})
  list(REMOVE_DUPLICATES libraries)
  set(archives)
  foreach(library IN LISTS libraries)
    if(library MATCHES "^(absl_.*|seccomp)$")
      list(APPEND archives lib${library}.a)
    endif()
  endforeach()
  list(TRANSFORM archives PREPEND "-l:")
  # The archives need each other in both directions.
  target_link_libraries(${target} INTERFACE -Wl,--start-group ${archives} -Wl,--end-group pthread)
endfunction()

fb_static_pkg(fb_absl absl_status absl_statusor absl_strings absl_span absl_flat_hash_map absl_flat_hash_set absl_cleanup)
fb_static_pkg(fb_seccomp libseccomp)
# Debian has libmnl as a shared library only.
pkg_check_modules(FB_MNL REQUIRED IMPORTED_TARGET libmnl)
add_library(fb_mnl INTERFACE)
target_link_libraries(fb_mnl INTERFACE PkgConfig::FB_MNL)

# Properties that every target of ours has.
add_library(fb_base INTERFACE)
target_compile_features(fb_base INTERFACE cxx_std_20)
target_include_directories(fb_base INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_compile_options(fb_base INTERFACE -Wall -Wextra -Wno-missing-field-initializers -fno-strict-aliasing)
# GCC 12 sees uninitialized values in every std::optional that it has optimised.
target_compile_options(fb_base INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
if(FORCEBIND_WERROR)
  target_compile_options(fb_base INTERFACE -Werror)
endif()
if(FORCEBIND_SANITIZE)
  target_compile_options(fb_base INTERFACE -fsanitize=${FORCEBIND_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(fb_base INTERFACE -fsanitize=${FORCEBIND_SANITIZE})
else()
  target_compile_options(fb_base INTERFACE -fstack-protector-strong)
  target_link_options(fb_base INTERFACE
    $<IF:$<BOOL:$<TARGET_PROPERTY:FB_STATIC>>,-static-pie,-static-libstdc++> -static-libgcc -Wl,-z,relro,-z,now)
endif()

# fb_library(NAME SOURCES a.cc … USES other rooms and libraries)
function(fb_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC fb_base ${arg_USES})
endfunction()

# fb_program(NAME [STATIC] SOURCES … USES …): goes to bin/ of the build directory.
# STATIC: no dynamic linker at all, still at a random address. For a program that starts often; one that looks up users
# or hosts by name cannot be (nsswitch.conf(5)). A build with sanitizers is dynamic in any case.
function(fb_program name)
  cmake_parse_arguments(arg "STATIC" "" "SOURCES;USES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE fb_base ${arg_USES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin FB_STATIC "${arg_STATIC}")
endfunction()

# What nearly every test includes, and what takes longer to read than the test itself: compiled once.
file(CONFIGURE OUTPUT test_headers.cc CONTENT "")
add_library(fb_test_headers OBJECT ${CMAKE_CURRENT_BINARY_DIR}/test_headers.cc)
target_link_libraries(fb_test_headers PRIVATE fb_base fb_absl GTest::gmock)
target_precompile_headers(fb_test_headers PRIVATE
  <gmock/gmock.h> <gtest/gtest.h> <absl/status/statusor.h> <absl/strings/str_cat.h>)

# All that the tests of the label vm run.
add_custom_target(vm_tests)

# fb_test(NAME LABEL unit|netns|root|vm… SOURCES … USES …): a GoogleTest program; each case is a ctest of its own, with the
# label. Under vm, in the guest, the program is one ctest, guest.NAME: to start a program there takes longer than a case.
function(fb_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "LABEL;SOURCES;USES" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300) # longer than any wait of a test's own
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE fb_base ${arg_USES} GTest::gmock GTest::gtest_main)
  target_precompile_headers(${name} REUSE_FROM fb_test_headers)
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF) # tests use the same few names
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  if(vm IN_LIST arg_LABEL)
    add_dependencies(vm_tests ${name})
    add_test(NAME guest.${name} COMMAND ${name})
    set_tests_properties(guest.${name} PROPERTIES LABELS vm TIMEOUT 2400)
    list(REMOVE_ITEM arg_LABEL vm)
  endif()
  if(NOT arg_LABEL)
    return()
  endif()
  include(GoogleTest)
  gtest_discover_tests(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} DISCOVERY_TIMEOUT 60)
  # Properties that are lists cannot be given above.
  file(CONFIGURE OUTPUT ${name}_labels.cmake CONTENT [[
if(@name@_TESTS)
  set_tests_properties(${@name@_TESTS} PROPERTIES LABELS "@arg_LABEL@")
endif()
]] @ONLY)
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake)
endfunction()
