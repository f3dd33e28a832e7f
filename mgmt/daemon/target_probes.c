// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/target_probes.h"

#include <sys/random.h>
#include <time.h>

#include "daemon/credentials.h"
#include "daemon/dataplane.h"
#include "daemon/requests.h"
#include "slowpath/reality/engine.h"

enum {
	AT_ONCE = 4, // what one worker has room for
	INTERVAL_S = 3600,
	SPREAD_S = 600, // at random behind it, so that a target sees no clock
	// Where a session found the target changed: not more often, for other browsers' hellos
	// than those of probes may find it so each time.
	DOUBT_INTERVAL_S = 600,
	RETRY_S = 60, // doubled while the target is unfit
	ANSWER_S = 30,
	CONFIRMATIONS = 2,
	PATIENCE = 10, // seconds in which a target's name may still be resolved
};

// The target of one profile of the slow path.
struct watch {
	struct watch *next;
	struct daemon *daemon;
	char credential[NAME_BYTES];
	char target[300];
	uint32_t number;    // of the profile
	bool is_wanted;     // a running listener has it
	bool is_asked;      // of a worker, which has not answered
	bool in_round;      // looks at one place after the other
	uint32_t place;     // the current one
	uint32_t repeats;   // of it
	uint32_t refusals;  // by workers, in a row
	uint64_t begun;     // when it was asked for, in seconds; 0: not yet
	uint64_t probes;    // of it, before
	uint64_t due, last; // rounds, in seconds
	uint32_t failures;  // rounds in a row
	bool is_told;       // an event says what `fitness` is
	enum reality_fitness fitness;
};

struct target_probes {
	struct watch *first;
};

int target_probes_create(struct daemon *daemon, struct target_probes **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? 0 : -ENOMEM;
}

void target_probes_destroy(struct target_probes *probes)
{
	while (probes != NULL && probes->first != NULL) {
		struct watch *w = probes->first;

		probes->first = w->next;
		free(w);
	}
	free(probes);
}

static uint64_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec;
}

static struct reality_shapes *shapes_of(const struct watch *w)
{
	uint32_t probes;
	struct reality_profile *profile = credentials_reality(w->daemon, w->number, &probes);

	return profile != NULL ? profile->shapes : NULL;
}

// What was known of the same target before its credential changed is good until it is looked at.
static void predecessor_follow(struct watch *w)
{
	for (const struct watch *old = w->next; old != NULL; old = old->next) {
		struct reality_shapes *from = shapes_of(old);

		if (from == NULL || strcmp(old->credential, w->credential) != 0 ||
			strcmp(old->target, w->target) != 0)
			continue;
		reality_shapes_adopt(shapes_of(w), from);
		w->is_told = old->is_told;
		w->fitness = old->fitness;
		return;
	}
}

static struct watch *watch_find(const struct target_probes *probes, uint32_t number)
{
	for (struct watch *w = probes->first; w != NULL; w = w->next)
		if (w->number == number)
			return w;
	return NULL;
}

static void listener_follow(struct daemon *daemon, const struct config_listener *listener)
{
	uint32_t probes, number = credentials_number(daemon, listener);
	const struct config_credential *credential =
		config_credential_find(daemon->config, listener->transport.credentials.items[0]);
	struct watch *w = watch_find(daemon->target_probes, number);

	if (credential == NULL || credentials_reality(daemon, number, &probes) == NULL)
		return;
	if (w == NULL) {
		w = calloc(1, sizeof(*w));
		if (w == NULL)
			return;
		w->daemon = daemon;
		w->number = number;
		snprintf(w->credential, sizeof(w->credential), "%s", credential->name);
		snprintf(w->target, sizeof(w->target), "%s", credential->target.text);
		w->next = daemon->target_probes->first;
		daemon->target_probes->first = w;
		predecessor_follow(w);
	}
	w->is_wanted = true;
}

// One watch for each profile that running listeners have.
static void listeners_follow(struct daemon *daemon)
{
	const struct config_listener *listeners = config_listeners(daemon->config);
	struct watch **link = &daemon->target_probes->first;

	for (struct watch *w = *link; w != NULL; w = w->next)
		w->is_wanted = false;
	for (uint32_t i = 0; i < daemon->config->listeners.count; i++)
		if (listeners[i].transport.security == SECURITY_REALITY)
			listener_follow(daemon, &listeners[i]);
	link = &daemon->target_probes->first;
	while (*link != NULL) {
		struct watch *w = *link;

		if (w->is_wanted || w->is_asked) {
			link = &w->next;
			continue;
		}
		*link = w->next;
		free(w);
	}
}

// A worker that has no connection to begin lacks an address of the target.
static void on_answer(void *context, const struct request_answer *answer)
{
	static const struct reality_shape nothing;
	struct watch *w = context;
	struct reality_shapes *shapes = shapes_of(w);

	w->is_asked = false;
	if (answer->count > 0)
		w->refusals = 0;
	if (answer->count > 0 || shapes == NULL || w->begun == 0)
		return;
	if (w->refusals++ < PATIENCE) {
		w->begun = 0;
		return;
	}
	reality_shapes_note(shapes, w->place, REALITY_UNFIT_SILENT, &nothing);
}

static uint32_t under_way(const struct target_probes *probes)
{
	uint32_t count = 0;

	for (const struct watch *w = probes->first; w != NULL; w = w->next)
		count += w->begun != 0 || w->is_asked;
	return count;
}

static void place_ask(struct watch *w, struct reality_shapes *shapes, uint64_t now)
{
	struct daemon *daemon = w->daemon;
	char name[MIRROR_NAME_BYTES];
	struct control_request request = {.kind = CONTROL_PROBE, .probe = {.place = w->place}};
	struct reality_shape_status status;

	if (w->is_asked || under_way(daemon->target_probes) >= AT_ONCE ||
		credentials_reality(daemon, w->number, &request.probe.profile) == NULL)
		return;
	request.probe.upstream =
		slot_map_find(daemon->slots, SLOT_UPSTREAM, mirror_name(name, w->credential));
	reality_shapes_status(shapes, w->place, &status);
	w->probes = status.probes;
	w->begun = now;
	w->is_asked = true;
	if (request_send(daemon->requests, &request,
		    (int)(w->number % node_worker_count(daemon->node)), on_answer, w) == 0)
		return;
	w->is_asked = false;
	w->begun = 0;
}

// The first place of which the last look says that it is unfit; else the last that was looked at.
static uint32_t place_choose(struct reality_shapes *shapes, struct reality_shape_status *out)
{
	uint32_t count = reality_shapes_places(shapes), last = 0;

	for (uint32_t i = 0; i < count; i++) {
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

// What the round found, where that is news. Whether it is fit.
static bool fitness_tell(struct watch *w, struct reality_shapes *shapes)
{
	struct reality_shape_status status;
	uint8_t kind;
	const char *name = reality_shapes_place(shapes, place_choose(shapes, &status), &kind);
	bool is_fit = status.fitness == REALITY_FIT;

	// Nobody had the time to look.
	if (status.probes == 0)
		return false;
	if (w->is_told && w->fitness == status.fitness)
		return is_fit;
	w->is_told = true;
	w->fitness = status.fitness;
	if (is_fit)
		daemon_event(w->daemon, EVENT_KIND_REALITY_TARGET_FIT,
			"credential \"%s\": its target %s is fit, and sends %u record%s behind a "
			"client's Finished that are imitated",
			w->credential, w->target, status.after_count,
			status.after_count == 1 ? "" : "s");
	else
		daemon_event(w->daemon, EVENT_KIND_REALITY_TARGET_UNFIT,
			"credential \"%s\": its target %s is not fit as %s: %s", w->credential,
			w->target, name, reality_fitness_text(status.fitness));
	return is_fit;
}

static void round_end(struct watch *w, struct reality_shapes *shapes, uint64_t now)
{
	bool is_fit = fitness_tell(w, shapes);
	uint16_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint16_t)now;
	w->in_round = false;
	w->last = now;
	w->failures = is_fit ? 0 : w->failures + 1;
	w->due = now + INTERVAL_S + random % SPREAD_S;
	if (!is_fit)
		w->due = now + u32_min(INTERVAL_S, RETRY_S << u32_min(w->failures - 1, 8));
}

// What was begun is over, or nobody will say any more. False: it goes on.
static bool place_is_over(struct watch *w, struct reality_shapes *shapes, uint64_t now)
{
	struct reality_shape_status status;

	reality_shapes_status(shapes, w->place, &status);
	if (status.probes == w->probes && now - w->begun < ANSWER_S)
		return false;
	w->begun = 0;
	if (status.is_unconfirmed && w->repeats++ < CONFIRMATIONS)
		return true;
	w->repeats = 0;
	w->place++;
	// It is no other under its other names.
	if (status.probes != w->probes && status.fitness == REALITY_UNFIT_SILENT)
		w->place = reality_shapes_places(shapes);
	return true;
}

// Or a client came with a hello of a kind that has never been looked at.
static bool is_doubted(const struct watch *w, struct reality_shapes *shapes, uint64_t now)
{
	uint64_t rested = now - w->last;

	for (uint32_t i = 0; rested >= RETRY_S && i < reality_shapes_places(shapes); i++) {
		struct reality_shape_status status;

		reality_shapes_status(shapes, i, &status);
		if ((status.is_doubted && rested >= DOUBT_INTERVAL_S) ||
			(status.is_wanted && !status.is_known && status.probes == 0))
			return true;
	}
	return false;
}

static void watch_run(struct watch *w, struct reality_shapes *shapes, uint64_t now)
{
	if (!w->in_round) {
		if (now < w->due && !is_doubted(w, shapes, now))
			return;
		w->in_round = true;
		w->place = w->repeats = 0;
		w->begun = 0;
	}
	if (w->begun != 0 && !place_is_over(w, shapes, now))
		return;
	if (w->begun == 0)
		w->place = place_wanted(shapes, w->place);
	if (w->place < reality_shapes_places(shapes))
		place_ask(w, shapes, now);
	else
		round_end(w, shapes, now);
}

void target_probes_tick(struct daemon *daemon)
{
	uint64_t now = seconds();

	if (daemon->slowpath == NULL || daemon->config == NULL || daemon->stopping ||
		!dataplane_is_settled(daemon))
		return;
	listeners_follow(daemon);
	for (struct watch *w = daemon->target_probes->first; w != NULL; w = w->next) {
		struct reality_shapes *shapes = shapes_of(w);

		if (w->is_wanted && shapes != NULL)
			watch_run(w, shapes, now);
	}
}

void target_probes_renew(struct daemon *daemon, const char *credential)
{
	for (struct watch *w = daemon->target_probes->first; w != NULL; w = w->next)
		if (credential == NULL || strcmp(credential, w->credential) == 0) {
			w->in_round = false;
			w->due = 0;
		}
}
