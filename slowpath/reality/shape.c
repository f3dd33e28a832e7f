// SPDX-License-Identifier: BSD-3-Clause
#include "reality/shape.h"

#include <pthread.h>

enum {
	ROUNDS_WANTED = 3, // that a kind is looked at, with no client who comes with it
};

struct place {
	struct reality_shape known, candidate;
	struct reality_shape_status status;
	uint8_t rounds; // since the last client
};

struct reality_shapes {
	pthread_mutex_t lock;
	const struct reality_credential *credential;
	struct place places[]; // by class of hello, then name, then class of ALPN
};

static const char *const texts[] = {
	[REALITY_FIT] = "fit",
	[REALITY_UNFIT_SILENT] = "it does not answer",
	[REALITY_UNFIT_INCOMPLETE] = "it completes no TLS 1.3 handshake",
	[REALITY_UNFIT_RETRY] = "it asks for another key share than browsers send",
	[REALITY_UNFIT_SHORT] = "its certificate is too short to stand in the place of ours",
	[REALITY_UNFIT_RECORDS] = "it sends more records than can be imitated, or what is none",
	[REALITY_UNFIT_LONG] = "its certificates are longer than can be imitated",
	[REALITY_UNFIT_NAME] = "its certificate is not for the name asked for",
};

const char *reality_fitness_text(enum reality_fitness fitness)
{
	return texts[fitness];
}

int reality_shapes_create(const struct reality_credential *credential, struct reality_shapes **out)
{
	size_t places = credential->name_count * REALITY_KINDS;
	struct reality_shapes *s = calloc(1, sizeof(*s) + places * sizeof(s->places[0]));

	if (s == NULL)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	s->credential = credential;
	for (uint32_t i = 0; reality_shapes_is_usual(s, i); i++)
		s->places[i].status.is_wanted = true;
	*out = s;
	return 0;
}

void reality_shapes_destroy(struct reality_shapes *s)
{
	if (s == NULL)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

uint32_t reality_shapes_places(const struct reality_shapes *s)
{
	return (uint32_t)s->credential->name_count * REALITY_KINDS;
}

bool reality_shapes_is_usual(const struct reality_shapes *s, uint32_t place)
{
	return place < (uint32_t)s->credential->name_count * REALITY_ALPN_CLASSES;
}

const char *reality_shapes_place(const struct reality_shapes *s, uint32_t place, uint8_t *kind)
{
	uint32_t names = (uint32_t)s->credential->name_count;
	uint32_t group = place / REALITY_ALPN_CLASSES;

	*kind = reality_kind((enum reality_hello_class)(group / names),
		(enum reality_alpn_class)(place % REALITY_ALPN_CLASSES));
	return s->credential->names[group % names];
}

static struct place *place_of(struct reality_shapes *s, const char *name, uint8_t kind)
{
	size_t names = s->credential->name_count;
	size_t hello = kind / REALITY_ALPN_CLASSES, alpn = kind % REALITY_ALPN_CLASSES;

	for (size_t i = 0; i < names; i++) {
		if (strcmp(s->credential->names[i], name) == 0)
			return &s->places[(hello * names + i) * REALITY_ALPN_CLASSES + alpn];
	}
	return NULL;
}

// The lock is held.
static void learn(struct place *p, const struct reality_shape *shape)
{
	p->known = *shape;
	p->status.is_known = p->status.is_wanted = true;
	p->status.is_unconfirmed = false;
	p->status.after_count = shape->after_count;
}

void reality_shapes_learn(
	struct reality_shapes *s, const char *name, uint8_t kind, const struct reality_shape *shape)
{
	struct place *p = place_of(s, name, kind);

	if (p == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	learn(p, shape);
	pthread_mutex_unlock(&s->lock);
}

void reality_shapes_find(
	struct reality_shapes *s, const char *name, uint8_t kind, struct reality_shape *out)
{
	struct place *p = place_of(s, name, kind);
	struct place *usual = place_of(s, name, kind % REALITY_ALPN_CLASSES);

	*out = (struct reality_shape){0};
	if (p == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	p->status.is_new = p->status.is_new || !p->status.is_wanted;
	p->status.is_wanted = true;
	p->rounds = 0;
	*out = p->status.is_known ? p->known : usual->known;
	pthread_mutex_unlock(&s->lock);
}

void reality_shapes_doubt(struct reality_shapes *s, const char *name, uint8_t kind)
{
	struct place *p = place_of(s, name, kind);

	if (p == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	p->status.is_doubted = true;
	pthread_mutex_unlock(&s->lock);
}

static bool is_same_after(const struct reality_shape *a, const struct reality_shape *b)
{
	return a->after_count == b->after_count && a->early == b->early &&
	       memcmp(a->after, b->after, a->after_count * sizeof(a->after[0])) == 0;
}

static void note_fit(struct place *p, const struct reality_shape *shape)
{
	if (!p->status.is_known || is_same_after(&p->known, shape) ||
		(p->status.is_unconfirmed && is_same_after(&p->candidate, shape))) {
		learn(p, shape);
		return;
	}
	p->candidate = *shape;
	p->status.is_unconfirmed = true;
}

void reality_shapes_note(struct reality_shapes *s, uint32_t place, enum reality_fitness fitness,
	const struct reality_shape *shape)
{
	struct place *p;

	if (place >= reality_shapes_places(s))
		return;
	p = &s->places[place];
	pthread_mutex_lock(&s->lock);
	p->status.probes++;
	p->status.fitness = fitness;
	p->status.is_doubted = p->status.is_new = false;
	if (fitness == REALITY_FIT)
		note_fit(p, shape);
	pthread_mutex_unlock(&s->lock);
}

void reality_shapes_round(struct reality_shapes *s, bool is_regular)
{
	pthread_mutex_lock(&s->lock);
	for (uint32_t i = 0; i < reality_shapes_places(s); i++) {
		struct place *p = &s->places[i];

		p->status.is_doubted = p->status.is_new = false;
		if (is_regular && p->status.is_wanted && !reality_shapes_is_usual(s, i))
			p->status.is_wanted = p->rounds++ < ROUNDS_WANTED;
	}
	pthread_mutex_unlock(&s->lock);
}

void reality_shapes_status(
	struct reality_shapes *s, uint32_t place, struct reality_shape_status *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->places[place].status;
	pthread_mutex_unlock(&s->lock);
}

void reality_shapes_adopt(struct reality_shapes *s, struct reality_shapes *from)
{
	for (uint32_t i = 0; i < reality_shapes_places(from); i++) {
		uint8_t kind;
		const char *name = reality_shapes_place(from, i, &kind);
		struct reality_shape_status status;
		struct reality_shape known;

		reality_shapes_status(from, i, &status);
		if (!status.is_known)
			continue;
		reality_shapes_find(from, name, kind, &known);
		reality_shapes_learn(s, name, kind, &known);
	}
}
