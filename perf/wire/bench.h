// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Timing by the time stamp counter, and one line a row: name, then p50 p90 p99 p99.9 in cycles.

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <x86intrin.h>

enum {
	SAMPLES = 20000
};

static inline uint64_t cycles_begin(void)
{
	_mm_lfence();
	return __rdtsc();
}

static inline uint64_t cycles_end(void)
{
	unsigned int cpu;
	uint64_t now = __rdtscp(&cpu);

	_mm_lfence();
	return now;
}

// What the compiler may not reason away.
static inline void keep(const void *memory)
{
	__asm__ volatile("" : : "r"(memory) : "memory");
}

#define BUG_ON(condition)                                                                          \
	do {                                                                                       \
		if (condition) {                                                                   \
			fprintf(stderr, "wire-bench: %s:%d: %s\n", __FILE__, __LINE__,             \
				#condition);                                                       \
			__builtin_trap();                                                          \
		}                                                                                  \
	} while (0)

// Times `work`, which does `count` operations, after `prepare`; `samples` times, and some before.
#define MEASURE(name, samples, count, prepare, work)                                               \
	do {                                                                                       \
		for (long measure_i = -(long)(samples) / 10; measure_i < (long)(samples);          \
			measure_i++) {                                                             \
			uint64_t measure_from, measure_to;                                         \
			prepare;                                                                   \
			measure_from = cycles_begin();                                             \
			work;                                                                      \
			measure_to = cycles_end();                                                 \
			if (measure_i >= 0)                                                        \
				sample_put((double)(measure_to - measure_from) / (count));         \
		}                                                                                  \
		samples_print(name);                                                               \
	} while (0)

void sample_put(double cycles);
void samples_print(const char *name);

void bench_websocket(void);
void bench_rest(void);
void bench_heads(void);
void bench_tls(const char *certificate, const char *key);
void bench_json(void);
int loopback_serve(const char *port);
void bench_loopback(const char *port, long rounds, bool posts, bool messages);

// Decoders of two messages of a feed.
struct quote {
	char symbol[16];
	double bid, ask, bid_size, ask_size;
	uint64_t time;
};

enum {
	LEVELS = 8
};

struct order {
	char symbol[16];
	double bids[LEVELS][2], asks[LEVELS][2];
	unsigned int bid_count, ask_count;
	uint64_t time, update;
};

bool quote_decode(const char *text, size_t length, struct quote *quote);
bool order_decode(const char *text, size_t length, struct order *order);
