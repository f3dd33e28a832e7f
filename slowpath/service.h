// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The threads that do handshakes for a node's workers, and the rings between them (slowpath/msg.h).
// Control thread, unless said otherwise.

#include "slowpath/admission/admission.h"
#include "slowpath/handshake.h"

struct slowpath;

struct slowpath_config {
	uint32_t workers;
	uint32_t threads; // at most SLOW_THREADS_MAX
	const int16_t
		*cpus; // thread i runs on cpus[i % cpu_count]; none: wherever the system likes
	uint32_t cpu_count;
	struct admission_config admission; // of each thread
	usec_t timeout;                    // of a handshake; 0: SLOW_TIMEOUT
};

// Rings in memory that is locked and left out of dumps, for keys pass through them. -ENOMEM, or
// mlock's error with a line in error.
[[nodiscard]] int slowpath_create(const struct slowpath_config *config, struct slowpath **out,
	char *error, size_t error_size);
// The workers' ends, valid until slowpath_destroy.
const struct slow_links *slowpath_links(const struct slowpath *s);
// Starts the threads. wake makes a worker look at its rings; any of these threads calls it.
[[nodiscard]] int slowpath_start(struct slowpath *s, void *context,
	void (*wake)(void *context, uint32_t worker), char *error, size_t error_size);
// Ends the threads and forgets their handshakes. Before what wake needs goes away.
void slowpath_stop(struct slowpath *s);
// After the workers have stopped. NULL is allowed.
void slowpath_destroy(struct slowpath *s);

// Handshakes that begin from now on may name the profile by the number returned, never 0 and never
// given again. Takes the profile, which is of that kind; 0: out of memory, and it is the caller's
// still.
uint32_t slowpath_profile_add(struct slowpath *s, const struct handshake_kind *kind, void *profile);
// None may from now on; it is freed when those under way are over.
void slowpath_profile_remove(struct slowpath *s, uint32_t number);

// Why handshakes with targets fail: one report of a profile, a target and a reason, however often
// that happens.
struct slowpath_report {
	uint32_t profile;
	uint32_t count;  // since the last one
	uint8_t failure; // enum slow_failure
	char target[SLOW_TARGET_BYTES];
	char reason[128];
};
// The next one that is due, each at most once in ten seconds. False: none is.
bool slowpath_report_take(struct slowpath *s, struct slowpath_report *out);

uint32_t slowpath_threads(const struct slowpath *s);
// How long ago a thread's last turn began: it sleeps for a tenth of a second at most.
usec_t slowpath_stalled(const struct slowpath *s, uint32_t thread);
// Since when, by the workers' clock, the time of a thread's handshakes has run out on some worker
// that had no answer of the thread since, to whatever it was, and how many did. 0: it answers.
usec_t slowpath_silence(const struct slowpath *s, uint32_t thread, uint64_t *unanswered);

// What all threads counted. Any thread.
struct slowpath_counts {
	uint64_t done;
	uint64_t failed;                       // the peer's doing
	uint64_t spliced;                      // the streams went on without us
	uint64_t probes;                       // of targets, whatever they found
	uint64_t outcomes[HANDSHAKE_OUTCOMES]; // of kinds that have names for them
	uint64_t refused;                      // by admission control
	uint64_t crowded;                      // given up for others by it
	uint64_t forgotten;                    // closed by the worker before the end, or by time
	uint64_t in_flight;
};
void slowpath_count(const struct slowpath *s, struct slowpath_counts *out);
