// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/reports.h"

#include <string.h>

#define INTERVAL (10 * USEC_PER_SECOND)

static bool is_same(const struct slowpath_report *a, const struct slowpath_report *b)
{
	return a->profile == b->profile && a->failure == b->failure &&
	       strcmp(a->target, b->target) == 0 && strcmp(a->reason, b->reason) == 0;
}

void slow_reports_add(struct slow_reports *r, uint32_t profile, const char *target,
	const struct slow_message *message)
{
	struct slowpath_report report = {
		.profile = profile, .count = 1, .failure = message->failure};
	uint32_t place = REPORTS;

	snprintf(report.target, sizeof(report.target), "%s", target);
	snprintf(report.reason, sizeof(report.reason), "%.*s", (int)message->length,
		(const char *)message->data);
	pthread_mutex_lock(&r->lock);
	for (uint32_t i = 0; i < REPORTS; i++) {
		if (r->places[i].next != 0 && is_same(&r->places[i].report, &report)) {
			r->places[i].report.count++;
			place = REPORTS;
			break;
		}
		if (r->places[i].next == 0 && place == REPORTS)
			place = i;
	}
	if (place < REPORTS) {
		r->places[place].report = report;
		r->places[place].next = 1;
	}
	pthread_mutex_unlock(&r->lock);
}

bool slow_reports_take(struct slow_reports *r, usec_t now, struct slowpath_report *out)
{
	bool found = false;

	pthread_mutex_lock(&r->lock);
	for (uint32_t i = 0; i < REPORTS && !found; i++) {
		if (r->places[i].next == 0 || now < r->places[i].next)
			continue;
		found = r->places[i].report.count > 0;
		if (found)
			*out = r->places[i].report;
		// It is remembered for as long as it is not to be told again.
		r->places[i].next = found ? now + INTERVAL : 0;
		r->places[i].report.count = 0;
	}
	pthread_mutex_unlock(&r->lock);
	return found;
}
