// SPDX-License-Identifier: Apache-2.0
// sanitized: whether this program, and forcebind beside it, is built with a sanitizer, and so slow and large.
#ifndef FORCEBIND_TESTS_SUPPORT_SANITIZED_H_
#define FORCEBIND_TESTS_SUPPORT_SANITIZED_H_

namespace forcebind {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace forcebind

#endif  // FORCEBIND_TESTS_SUPPORT_SANITIZED_H_
