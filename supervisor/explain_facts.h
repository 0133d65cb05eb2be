// SPDX-License-Identifier: Apache-2.0
// explain_facts: gathers what core/explain wants to know, from the kernel and the registry, and writes its answer as
// JSON:
//   {"stages": [{"stage": "A", "what": "...", "result": "..."}], "winner": {...} or null, "text": "..."}
//
// THREADS  Thread-compatible. Must run in the network namespace that is served.
// Tested by tests/netns/supervisor_test.cc.
#ifndef FORCEBIND_SUPERVISOR_EXPLAIN_FACTS_H_
#define FORCEBIND_SUPERVISOR_EXPLAIN_FACTS_H_

#include <string>

#include "core/explain.h"
#include "supervisor/backend.h"
#include "supervisor/registry.h"

namespace forcebind {

// Sockets are those that could be concerned: of the protocol and port.
ExplainFacts GatherFacts(const Registry& registry, Backend& backend, Protocol protocol, const Endpoint& endpoint);

std::string ExplanationJson(const ExplainFacts& facts, const Explanation& explanation);

}  // namespace forcebind

#endif  // FORCEBIND_SUPERVISOR_EXPLAIN_FACTS_H_
