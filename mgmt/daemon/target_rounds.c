// SPDX-License-Identifier: BSD-3-Clause
#include "daemon/target_rounds.h"

enum {
	INTERVAL_S = 3600,
	SPREAD_S = 600, // at random behind it
	// Where a session found the target changed: not more often, for other browsers' hellos
	// than those of probes may find it so each time.
	DOUBT_INTERVAL_S = 600,
	RETRY_S = 60, // doubled while the target is unfit
	ANSWER_S = 30,
	CONFIRMATIONS = 2,
};

uint32_t target_rounds_judge(struct reality_shapes *shapes, struct reality_shape_status *out)
{
	uint32_t last = 0;

	for (uint32_t i = 0; reality_shapes_is_usual(shapes, i); i++) {
		reality_shapes_status(shapes, i, out);
		if (out->fitness != REALITY_FIT)
			return i;
		if (out->probes > 0)
			last = i;
	}
	reality_shapes_status(shapes, last, out);
	return last;
}

// The first place from this one on that is to be looked at; as many as there are where none is.
static uint32_t place_wanted(struct reality_shapes *shapes, uint32_t from)
{
	struct reality_shape_status status;
	uint32_t count = reality_shapes_places(shapes);

	for (; from < count; from++) {
		reality_shapes_status(shapes, from, &status);
		if (status.is_wanted)
			break;
	}
	return from;
}

void target_rounds_begin(struct target_rounds *t, struct reality_shapes *shapes, uint64_t now)
{
	struct reality_shape_status status;

	reality_shapes_status(shapes, t->place, &status);
	t->probes = status.probes;
	t->begun = now;
}

void target_rounds_end(struct target_rounds *t, bool is_fit, uint64_t now, uint16_t random)
{
	t->in_round = false;
	t->last = now;
	t->failures = is_fit ? 0 : t->failures + 1;
	t->due = now + INTERVAL_S + random % SPREAD_S;
	if (!is_fit)
		t->due = now + u32_min(INTERVAL_S, RETRY_S << u32_min(t->failures - 1, 8));
}

// What was begun is over, or nobody will say any more. False: it goes on.
static bool place_is_over(struct target_rounds *t, struct reality_shapes *shapes, uint64_t now)
{
	struct reality_shape_status status;

	reality_shapes_status(shapes, t->place, &status);
	if (status.probes == t->probes && now - t->begun < ANSWER_S)
		return false;
	t->begun = 0;
	if (status.is_unconfirmed && t->repeats++ < CONFIRMATIONS)
		return true;
	t->repeats = 0;
	t->place++;
	// It is no other under its other names.
	if (status.probes != t->probes && status.fitness == REALITY_UNFIT_SILENT)
		t->place = reality_shapes_places(shapes);
	return true;
}

// Or a client came with a hello of a kind that was not looked at. That is no reason to trouble a
// target more that is unfit as it is.
static bool is_doubted(const struct target_rounds *t, struct reality_shapes *shapes, uint64_t now)
{
	uint64_t rested = now - t->last;

	for (uint32_t i = 0; rested >= RETRY_S && i < reality_shapes_places(shapes); i++) {
		struct reality_shape_status status;

		reality_shapes_status(shapes, i, &status);
		if ((status.is_doubted && rested >= DOUBT_INTERVAL_S) ||
			(status.is_new && t->failures == 0))
			return true;
	}
	return false;
}

enum target_step target_rounds_run(
	struct target_rounds *t, struct reality_shapes *shapes, uint64_t now)
{
	if (!t->in_round) {
		bool is_due = now >= t->due;

		if (!is_due && !is_doubted(t, shapes, now))
			return TARGET_RESTS;
		// Of a target that does not answer nothing grows old by our asking again.
		reality_shapes_round(shapes, is_due && t->failures == 0);
		t->in_round = true;
		t->place = t->repeats = 0;
		t->begun = 0;
	}
	if (t->begun != 0 && !place_is_over(t, shapes, now))
		return TARGET_RESTS;
	if (t->begun == 0)
		t->place = place_wanted(shapes, t->place);
	return t->place < reality_shapes_places(shapes) ? TARGET_ASKS : TARGET_ENDS;
}
