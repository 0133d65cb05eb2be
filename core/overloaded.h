// SPDX-License-Identifier: Apache-2.0
// overloaded: one visitor for std::visit from a function object per alternative.
#ifndef FORCEBIND_CORE_OVERLOADED_H_
#define FORCEBIND_CORE_OVERLOADED_H_

namespace forcebind {

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;  // implied by C++20, but not yet by clang 14

}  // namespace forcebind

#endif  // FORCEBIND_CORE_OVERLOADED_H_
