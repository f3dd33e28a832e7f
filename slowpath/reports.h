// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Failures of handshakes with targets, gathered so that one target that is down makes one line and
// not thousands. Private to slowpath/.

#include <pthread.h>

#include "slowpath/service.h"

enum {
	REPORTS = 32, // of different profiles, targets and reasons; what has no place is not told
};

struct slow_reports {
	pthread_mutex_t lock;
	struct {
		struct slowpath_report report;
		usec_t next; // not before; 0: the place is free
	} places[REPORTS];
};

// A handshake with target failed as message says. Any thread.
void slow_reports_add(struct slow_reports *r, uint32_t profile, const char *target,
	const struct slow_message *message);
// As slowpath_report_take.
bool slow_reports_take(struct slow_reports *r, usec_t now, struct slowpath_report *out);
