// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/target_probes.h"

#include <sys/random.h>
#include <time.h>

#include "daemon/credentials.h"
#include "daemon/dataplane.h"
#include "daemon/requests.h"
#include "daemon/target_rounds.h"
#include "slowpath/reality/engine.h"

enum {
	AT_ONCE = 4,   // what one worker has room for
	PATIENCE = 10, // seconds in which a target's name may still be resolved
};

// The target of one profile of the slow path.
struct watch {
	struct watch *next;
	struct daemon *daemon;
	char credential[NAME_BYTES];
	char target[300];
	uint32_t number;   // of the profile
	bool is_wanted;    // a running listener has it
	bool is_asked;     // of a worker, which has not answered
	uint32_t refusals; // by workers, in a row
	struct target_rounds rounds;
	bool is_told; // an event says what `fitness` is
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
	if (answer->count > 0 || shapes == NULL || w->rounds.begun == 0)
		return;
	if (w->refusals++ < PATIENCE) {
		w->rounds.begun = 0;
		return;
	}
	reality_shapes_note(shapes, w->rounds.place, REALITY_UNFIT_SILENT, &nothing);
}

static uint32_t under_way(const struct target_probes *probes)
{
	uint32_t count = 0;

	for (const struct watch *w = probes->first; w != NULL; w = w->next)
		count += w->rounds.begun != 0 || w->is_asked;
	return count;
}

static void place_ask(struct watch *w, struct reality_shapes *shapes, uint64_t now)
{
	struct daemon *daemon = w->daemon;
	char name[MIRROR_NAME_BYTES];
	struct control_request request = {
		.kind = CONTROL_PROBE, .probe = {.place = w->rounds.place}};

	if (w->is_asked || under_way(daemon->target_probes) >= AT_ONCE ||
		credentials_reality(daemon, w->number, &request.probe.profile) == NULL)
		return;
	request.probe.upstream =
		slot_map_find(daemon->slots, SLOT_UPSTREAM, mirror_name(name, w->credential));
	target_rounds_begin(&w->rounds, shapes, now);
	w->is_asked = true;
	if (request_send(daemon->requests, &request,
		    (int)(w->number % node_worker_count(daemon->node)), on_answer, w) == 0)
		return;
	w->is_asked = false;
	w->rounds.begun = 0;
}

// What the round found, where that is news. Whether it is fit.
static bool fitness_tell(struct watch *w, struct reality_shapes *shapes)
{
	struct reality_shape_status status;
	uint8_t kind;
	const char *name =
		reality_shapes_place(shapes, target_rounds_judge(shapes, &status), &kind);
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
	target_rounds_end(&w->rounds, is_fit, now, random);
}

static void watch_run(struct watch *w, struct reality_shapes *shapes, uint64_t now)
{
	switch (target_rounds_run(&w->rounds, shapes, now)) {
	case TARGET_RESTS:
		return;
	case TARGET_ASKS:
		place_ask(w, shapes, now);
		return;
	case TARGET_ENDS:
		round_end(w, shapes, now);
		return;
	}
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
			w->rounds.in_round = false;
			w->rounds.due = 0;
		}
}
