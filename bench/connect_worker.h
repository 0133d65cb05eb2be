// SPDX-License-Identifier: Apache-2.0
// connect_worker: the worker's operations with a server in them.
//
// "connect" is connect, accept, one byte, close, both ends by one thread, so that
// no scheduler is in the measurement.
//
// The first call listens on FORCEBIND_BENCH_LISTEN (ADDRESS:PORT, IPv4) and then moves into the network namespace
// FORCEBIND_BENCH_CLIENT (a path), from where it dials FORCEBIND_BENCH_DIAL. "hold" listens, and nothing else.
#ifndef FORCEBIND_BENCH_CONNECT_WORKER_H_
#define FORCEBIND_BENCH_CONNECT_WORKER_H_

namespace forcebind::bench {

// Nanoseconds. Ends the process when anything fails.
double Connect();
double Hold();

}  // namespace forcebind::bench

#endif  // FORCEBIND_BENCH_CONNECT_WORKER_H_
