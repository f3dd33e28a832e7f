// SPDX-License-Identifier: BSD-3-Clause

// Costs of libnexwire in cycles of the time stamp counter; perf/wire/measure.py runs it beside
// peers/, which does the same work with other libraries.
//   wire-bench memory CERTIFICATE KEY
//   wire-bench serve PORT
//   wire-bench loopback-post|loopback-messages-40 PORT ROUNDS

#include <stdlib.h>
#include <string.h>

#include "bench.h"

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "memory") == 0) {
		bench_websocket();
		bench_heads();
		bench_rest();
		bench_json();
		bench_tls(argv[2], argv[3]);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return loopback_serve(argv[2]);
	if (argc == 4 && strncmp(argv[1], "loopback-", 9) == 0) {
		bool posts = strcmp(argv[1], "loopback-post") == 0;

		bench_loopback(argv[2], strtol(argv[3], NULL, 10), posts, !posts);
		return 0;
	}
	return 2;
}
