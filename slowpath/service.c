// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/service.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>

#include "crypto/secret.h"
#include "slowpath/service_impl.h"

static_assert(MAX_WORKERS <= 64, "slow_thread.to_wake has a bit for each");

usec_t slow_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (usec_t)t.tv_sec * USEC_PER_SECOND + (usec_t)t.tv_nsec / 1000;
}

static int rings_create(struct slowpath *s)
{
	uint32_t count = s->config.workers * s->config.threads;
	size_t ring_bytes = (size_t)SLOW_RING * SLOW_MESSAGE_BYTES;
	uint8_t *at;
	int status = secret_map(2 * count * ring_bytes, &s->memory);

	if (status)
		return status;
	at = s->memory.base;
	s->links.threads = s->config.threads;
	s->links.timeout = s->config.timeout ? s->config.timeout : SLOW_TIMEOUT;
	if (getrandom(s->links.key, sizeof(s->links.key), 0) != sizeof(s->links.key))
		s->links.key[0] = s->links.key[1] = (uint64_t)(uintptr_t)s;
	s->links.links = aligned_alloc(CACHE_LINE, count * sizeof(s->links.links[0]));
	if (!s->links.links)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++, at += 2 * ring_bytes) {
		struct slow_link *link = &s->links.links[i];

		ring_init(&link->to_slow, at, SLOW_RING, SLOW_MESSAGE_BYTES);
		ring_init(&link->to_worker, at + ring_bytes, SLOW_RING, SLOW_MESSAGE_BYTES);
		link->gate = &s->threads[i % s->config.threads].gate;
		link->asked = 0;
		shared_word_store(&link->silent_since, 0);
		counter_set(&link->unanswered, 0);
	}
	return 0;
}

static int thread_create(struct slowpath *s, uint32_t index)
{
	struct slow_thread *t = &s->threads[index];

	t->service = s;
	t->index = index;
	TAILQ_INIT(&t->ages);
	t->gate.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->gate.wake_fd < 0)
		return -errno;
	t->handshakes = calloc(s->config.admission.handshakes, sizeof(*t->handshakes));
	if (!t->handshakes)
		return -ENOMEM;
	return admission_create(&s->config.admission, &t->admission);
}

static int all_create(struct slowpath *s)
{
	int status = 0;

	if (s->config.cpu_count > 0) {
		s->cpus = malloc(s->config.cpu_count * sizeof(*s->cpus));
		if (!s->cpus)
			return -ENOMEM;
		memcpy(s->cpus, s->config.cpus, s->config.cpu_count * sizeof(*s->cpus));
		s->config.cpus = s->cpus;
	}
	s->threads = calloc(s->config.threads, sizeof(*s->threads));
	if (!s->threads)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->config.threads; i++)
		s->threads[i].gate.wake_fd = -1;
	for (uint32_t i = 0; status == 0 && i < s->config.threads; i++)
		status = thread_create(s, i);
	return status ? status : rings_create(s);
}

int slowpath_create(
	const struct slowpath_config *config, struct slowpath **out, char *error, size_t error_size)
{
	struct slowpath *s = calloc(1, sizeof(*s));
	int status = s ? 0 : -ENOMEM;

	if (s) {
		s->config = *config;
		pthread_mutex_init(&s->lock, NULL);
		pthread_mutex_init(&s->reports.lock, NULL);
		status = all_create(s);
	}
	if (status == 0) {
		*out = s;
		return 0;
	}
	snprintf(error, error_size,
		"the slow path's threads need %u KiB of locked memory: %s; raise LimitMEMLOCK "
		"(`ulimit -l`), or lower slowpath.threads",
		2 * config->workers * config->threads * SLOW_RING * SLOW_MESSAGE_BYTES / 1024,
		strerror(-status));
	slowpath_destroy(s);
	return status;
}

const struct slow_links *slowpath_links(const struct slowpath *s)
{
	return &s->links;
}

int slowpath_start(struct slowpath *s, void *context, void (*wake)(void *context, uint32_t worker),
	char *error, size_t error_size)
{
	s->context = context;
	s->wake = wake;
	for (uint32_t i = 0; i < s->config.threads; i++) {
		struct slow_thread *t = &s->threads[i];
		int failed = pthread_create(&t->id, NULL, slow_thread_main, t);

		if (failed) {
			snprintf(error, error_size, "slow path thread %u: %s", i, strerror(failed));
			slowpath_stop(s);
			return -failed;
		}
		t->running = true;
	}
	return 0;
}

void slowpath_stop(struct slowpath *s)
{
	uint64_t one = 1;

	for (uint32_t i = 0; i < s->config.threads; i++) {
		struct slow_thread *t = &s->threads[i];

		if (!t->running)
			continue;
		shared_word_store(&t->stop, 1);
		if (write(t->gate.wake_fd, &one, sizeof(one)) < 0)
			continue; // it wakes by itself within a tenth of a second
	}
	for (uint32_t i = 0; i < s->config.threads; i++) {
		struct slow_thread *t = &s->threads[i];

		if (t->running)
			pthread_join(t->id, NULL);
		t->running = false;
		shared_word_store(&t->turned, 0);
		slow_thread_clear(t);
	}
}

static void profile_free(struct slow_profile *p)
{
	p->kind->profile_destroy(p->profile);
	free(p);
}

void slowpath_destroy(struct slowpath *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; s->threads && i < s->config.threads; i++) {
		struct slow_thread *t = &s->threads[i];

		admission_destroy(t->admission);
		free(t->handshakes);
		if (t->gate.wake_fd >= 0)
			close(t->gate.wake_fd);
	}
	while (s->profiles) {
		struct slow_profile *p = s->profiles;

		s->profiles = p->next;
		profile_free(p);
	}
	free(s->threads);
	free(s->links.links);
	free(s->cpus);
	secret_unmap(&s->memory);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->reports.lock);
	free(s);
}

uint32_t slowpath_profile_add(struct slowpath *s, const struct handshake_kind *kind, void *profile)
{
	struct slow_profile *p = calloc(1, sizeof(*p));

	if (!p)
		return 0;
	p->kind = kind;
	p->profile = profile;
	p->users = 1;
	pthread_mutex_lock(&s->lock);
	p->number = ++s->profiles_made;
	p->next = s->profiles;
	s->profiles = p;
	pthread_mutex_unlock(&s->lock);
	return p->number;
}

struct slow_profile *slow_profile_get(struct slowpath *s, uint32_t number)
{
	struct slow_profile *p;

	pthread_mutex_lock(&s->lock);
	for (p = s->profiles; p; p = p->next)
		if (p->number == number && !p->removed)
			break;
	if (p)
		p->users++;
	pthread_mutex_unlock(&s->lock);
	return p;
}

void slow_profile_put(struct slowpath *s, struct slow_profile *profile)
{
	struct slow_profile **link = &s->profiles;
	bool last;

	pthread_mutex_lock(&s->lock);
	last = --profile->users == 0;
	while (last && *link != profile)
		link = &(*link)->next;
	if (last)
		*link = profile->next;
	pthread_mutex_unlock(&s->lock);
	if (last)
		profile_free(profile);
}

void slowpath_profile_remove(struct slowpath *s, uint32_t number)
{
	struct slow_profile *p;

	pthread_mutex_lock(&s->lock);
	for (p = s->profiles; p; p = p->next)
		if (p->number == number && !p->removed)
			break;
	if (p)
		p->removed = true;
	pthread_mutex_unlock(&s->lock);
	if (p)
		slow_profile_put(s, p);
}

bool slowpath_report_take(struct slowpath *s, struct slowpath_report *out)
{
	return slow_reports_take(&s->reports, slow_now(), out);
}

uint32_t slowpath_threads(const struct slowpath *s)
{
	return s->config.threads;
}

usec_t slowpath_stalled(const struct slowpath *s, uint32_t thread)
{
	uint64_t turned = shared_word_load(&s->threads[thread].turned);
	usec_t now = slow_now();

	return turned != 0 && now > turned ? now - turned : 0;
}

usec_t slowpath_silence(const struct slowpath *s, uint32_t thread, uint64_t *unanswered)
{
	usec_t since = 0;

	*unanswered = 0;
	for (uint32_t w = 0; w < s->config.workers; w++) {
		const struct slow_link *link = &s->links.links[w * s->config.threads + thread];
		usec_t silent = shared_word_load(&link->silent_since);

		if (silent == 0)
			continue;
		since = since == 0 ? silent : u64_min(since, silent);
		*unanswered += counter_read(&link->unanswered);
	}
	return since;
}

void slowpath_count(const struct slowpath *s, struct slowpath_counts *out)
{
	*out = (struct slowpath_counts){0};
	for (uint32_t i = 0; i < s->config.threads; i++) {
		const struct slow_thread *t = &s->threads[i];

		out->done += counter_read(&t->done);
		out->failed += counter_read(&t->failed);
		out->spliced += counter_read(&t->spliced);
		out->probes += counter_read(&t->probes);
		for (int o = 0; o < HANDSHAKE_OUTCOMES; o++)
			out->outcomes[o] += counter_read(&t->outcomes[o]);
		out->refused += counter_read(&t->refused);
		out->crowded += counter_read(&t->crowded);
		out->forgotten += counter_read(&t->forgotten);
		out->in_flight += counter_read(&t->in_flight);
	}
}
