// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The service from inside: what service.c and thread.c share.

#include <pthread.h>
#include <sys/queue.h>

#include "core/limits.h"
#include "core/memory.h"
#include "slowpath/reports.h"
#include "slowpath/service.h"

// A profile that handshakes may name, or that some still use. Under slowpath.lock.
struct slow_profile {
	struct slow_profile *next;
	const struct handshake_kind *kind;
	void *profile; // the kind's
	uint32_t number;
	uint32_t users; // handshakes, and the configuration while it has not removed it
	bool removed;
};

// Of one stream.
struct slow_input {
	uint64_t received; // bytes of the stream, all of which were in `bytes`
	uint32_t waiting;  // in `bytes`, for the handshake's turn
	bool ended;        // nothing follows them
	uint8_t bytes[SLOW_STREAM_BYTES];
};

// One handshake, by its place in admission control.
struct slow_handshake {
	TAILQ_ENTRY(slow_handshake) by_age;
	LIST_ENTRY(slow_handshake) by_session;
	void *engine; // of profile->kind; NULL: the place is free
	struct slow_profile *profile;
	uint64_t session;
	uint32_t place;
	uint32_t worker;
	uint8_t stream;
	usec_t begun;
	char target[SLOW_TARGET_BYTES];
	struct slow_input input[2]; // by enum slow_stream
	bool is_silent;             // the peer, behind what is waiting
};

enum {
	SESSION_CHAINS = 1024
};

struct slow_thread {
	struct slowpath *service;
	uint32_t index;
	pthread_t id;
	bool running;
	struct slow_gate gate;
	shared_word_t stop;
	shared_word_t turned; // w: itself, when its last turn began; 0: it has not run
	struct admission *admission;
	struct slow_handshake **handshakes; // by place, made when a place is first used
	LIST_HEAD(, slow_handshake) sessions[SESSION_CHAINS];
	TAILQ_HEAD(, slow_handshake) ages; // the oldest first
	uint64_t to_wake;                  // workers that something was put on a ring for
	counter_t done;
	counter_t failed;
	counter_t spliced;
	counter_t probes;
	counter_t outcomes[HANDSHAKE_OUTCOMES];
	counter_t refused;
	counter_t crowded;
	counter_t forgotten;
	counter_t in_flight;
};

struct slowpath {
	struct slowpath_config config;
	int16_t *cpus;
	struct memory memory; // of the rings
	struct slow_links links;
	struct slow_thread *threads;
	void *context;
	void (*wake)(void *context, uint32_t worker);
	pthread_mutex_t lock;
	struct slow_profile *profiles;
	uint32_t profiles_made;
	struct slow_reports reports;
};

usec_t slow_now(void); // CLOCK_MONOTONIC

// service.c: a profile for a handshake, NULL when there is none of the number; and back.
struct slow_profile *slow_profile_get(struct slowpath *s, uint32_t number);
void slow_profile_put(struct slowpath *s, struct slow_profile *profile);

// thread.c: one turn. True when there was something to do; *blocked when answers wait for room.
bool slow_thread_turn(struct slow_thread *t, bool *blocked);
// The thread's body; and what it held, after it has ended.
void *slow_thread_main(void *thread);
void slow_thread_clear(struct slow_thread *t);
