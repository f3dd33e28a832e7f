// SPDX-License-Identifier: BSD-3-Clause
#include "reality/shape.h"

#include <pthread.h>

struct reality_shapes {
	pthread_mutex_t lock;
	const struct reality_credential *credential;
	struct reality_shape shapes[][REALITY_ALPN_CLASSES]; // in the order of its names
};

int reality_shapes_create(const struct reality_credential *credential, struct reality_shapes **out)
{
	struct reality_shapes *s =
		calloc(1, sizeof(*s) + credential->name_count * sizeof(s->shapes[0]));

	if (s == NULL)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	s->credential = credential;
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

static struct reality_shape *place_of(
	struct reality_shapes *s, const char *name, enum reality_alpn_class alpn)
{
	for (size_t i = 0; i < s->credential->name_count; i++) {
		if (strcmp(s->credential->names[i], name) == 0)
			return &s->shapes[i][alpn];
	}
	return NULL;
}

void reality_shapes_learn(struct reality_shapes *s, const char *name, enum reality_alpn_class alpn,
	const struct reality_shape *shape)
{
	struct reality_shape *place = place_of(s, name, alpn);

	if (place == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	*place = *shape;
	pthread_mutex_unlock(&s->lock);
}

void reality_shapes_find(struct reality_shapes *s, const char *name, enum reality_alpn_class alpn,
	struct reality_shape *out)
{
	struct reality_shape *place = place_of(s, name, alpn);

	*out = (struct reality_shape){0};
	if (place == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	*out = *place;
	pthread_mutex_unlock(&s->lock);
}
