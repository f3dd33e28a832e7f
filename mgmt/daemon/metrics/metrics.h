// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Metrics as Prometheus text (version 0.0.4): one table of families, which also makes
// docs/metrics.md. Control thread.

#include <event2/buffer.h>

#include "daemon/daemon.h"

enum {
	METRICS_SERIES_MAX = 1000,
	METRICS_LABELS_MAX = 3
};

enum metrics_type {
	METRICS_COUNTER = 0,
	METRICS_GAUGE,
	METRICS_STATE // a gauge of 0 or 1: of several the largest counts, not their sum
};

struct metrics_output;

struct metrics_family {
	const char *name;
	enum metrics_type type;
	const char *labels[METRICS_LABELS_MAX + 1]; // NULL ends them
	const char *help;
	void (*collect)(struct metrics_output *out, const struct daemon *daemon);
};

// The family of a row of the table, from 0 on; NULL behind the last.
const struct metrics_family *metrics_family_at(size_t index);

// One series of the family being collected: a value for each of its labels, in order. Values with
// the same labels are summed, and beyond METRICS_SERIES_MAX series those that are left, into one
// whose labels say "other".
void metrics_series(struct metrics_output *out, double value, ...);

// Appends the exposition of these families. -ENOMEM.
[[nodiscard]] int metrics_render(const struct metrics_family *families, size_t count,
	const struct daemon *daemon, struct evbuffer *out);
// The same of all families of the table.
[[nodiscard]] int metrics_render_all(const struct daemon *daemon, struct evbuffer *out);

// docs/metrics.md, whole. 0 or -EIO.
[[nodiscard]] int metrics_document(FILE *out);
