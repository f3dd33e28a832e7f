// SPDX-License-Identifier: BSD-3-Clause
#include "dns/resolver.h"

#include <ares.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dns/channel.h"
#include "dns/host_name.h"

// Names asked at once: what a name server that never answers can hold up is bounded by their
// retries, and what one that answers slowly must take at start is bounded too.
enum {
	NAMES_IN_FLIGHT_MAX = 64,
	IDLE_WAIT_MS = 60000,
	REOPEN_WAIT_MS = 1000
};

struct address_set {
	uint32_t count;
	struct ip_address addresses[RESOLVER_FAMILY_MAX];
};

// A watched name. While open > 0 the resolver's thread may hold a pointer to it, and it is freed by
// that thread if the last watch goes meanwhile (watches == 0).
struct name {
	char text[RESOLVER_NAME_BYTES];
	struct resolver *resolver;
	uint32_t watches;
	uint32_t open; // questions without an answer yet
	usec_t due;
	enum resolver_status status;
	uint32_t ttl_s;
	uint32_t failures;
	bool changed;
	bool waiting; // on the list of results
	struct name *next_waiting;
	struct address_set known[DNS_FAMILIES];
	struct dns_answer answers[DNS_FAMILIES]; // of the round that runs
};

struct resolver {
	pthread_t thread;
	int wake;    // control thread -> resolver's thread
	int results; // resolver's thread -> control thread
	// Held for table look-ups and copies only, never while c-ares runs.
	pthread_mutex_t lock;
	bool stop;
	bool reopen;
	struct dns_settings settings;
	uint32_t count;
	struct name *names[RESOLVER_NAMES_MAX];
	struct name *first_waiting;
	struct name **last_waiting;
	// The resolver's thread alone:
	struct dns_channel *channel;
	uint32_t in_flight; // names
	struct timespec resolv_conf;
};

static usec_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (usec_t)t.tv_sec * USEC_PER_SECOND + (usec_t)t.tv_nsec / 1000;
}

static void signal_descriptor(int fd)
{
	uint64_t one = 1;

	// An eventfd only refuses at 2^64 - 2, where it is readable anyway.
	if (write(fd, &one, sizeof(one)) < 0) {
		return;
	}
}

static void clear_descriptor(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0) {
		return;
	}
}

const char *resolver_status_text(enum resolver_status status)
{
	switch (status) {
	case RESOLVER_PENDING:
		return "not answered yet";
	case RESOLVER_RESOLVED:
		return "resolved";
	case RESOLVER_NOT_FOUND:
		return "the name does not exist";
	case RESOLVER_NO_ADDRESS:
		return "the name has neither A nor AAAA records";
	case RESOLVER_UNREACHABLE:
		return "no name server gave an answer";
	case RESOLVER_SERVER_FAILED:
		return "the name server failed";
	}
	return "unknown";
}

// Puts a name's result on the list; lock held.
static void result_put(struct resolver *r, struct name *name)
{
	if (name->waiting) {
		return;
	}
	name->waiting = true;
	name->next_waiting = NULL;
	*r->last_waiting = name;
	r->last_waiting = &name->next_waiting;
	signal_descriptor(r->results);
}

// Takes a name off the list, wherever it stands; lock held.
static void result_remove(struct resolver *r, struct name *name)
{
	struct name **at = &r->first_waiting;

	if (!name->waiting) {
		return;
	}
	while (*at != name) {
		at = &(*at)->next_waiting;
	}
	*at = name->next_waiting;
	if (r->last_waiting == &name->next_waiting) {
		r->last_waiting = at;
	}
	name->waiting = false;
	if (r->first_waiting == NULL) {
		clear_descriptor(r->results);
	}
}

static enum resolver_status round_status(const struct name *name)
{
	static const enum resolver_status weight[] = {RESOLVER_RESOLVED, RESOLVER_UNREACHABLE,
		RESOLVER_SERVER_FAILED, RESOLVER_NO_ADDRESS};

	for (size_t i = 0; i < nx_array_size(weight); i++) {
		if (name->answers[DNS_V4].status == weight[i] ||
			name->answers[DNS_V6].status == weight[i]) {
			return weight[i];
		}
	}
	return RESOLVER_NOT_FOUND;
}

// Replaces what is known by what was answered; a family whose question failed keeps what it had.
static void take_addresses(struct name *name)
{
	for (int f = 0; f < DNS_FAMILIES; f++) {
		const struct dns_answer *answer = &name->answers[f];
		struct address_set *known = &name->known[f];
		size_t bytes = answer->count * sizeof(answer->addresses[0]);

		if (answer->status == RESOLVER_UNREACHABLE ||
			answer->status == RESOLVER_SERVER_FAILED) {
			continue;
		}
		if (known->count != answer->count ||
			memcmp(known->addresses, answer->addresses, bytes) != 0) {
			known->count = answer->count;
			memcpy(known->addresses, answer->addresses, bytes);
			name->changed = true;
		}
	}
}

static uint32_t clamp(uint32_t value, uint32_t least, uint32_t most)
{
	return value < least ? least : u32_min(value, most);
}

// Both families are answered; lock held.
static void round_end(struct name *name)
{
	uint32_t shift = u32_min(name->failures, 16);

	if (name->answers[DNS_V4].status == RESOLVER_PENDING ||
		name->answers[DNS_V6].status == RESOLVER_PENDING) {
		name->due = 0; // cut short by other servers: asked again there
		return;
	}
	name->status = round_status(name);
	if (name->status == RESOLVER_RESOLVED) {
		take_addresses(name);
		name->failures = 0;
		name->ttl_s = RESOLVER_TTL_MAX_S;
		for (int f = 0; f < DNS_FAMILIES; f++) {
			if (name->answers[f].status == RESOLVER_RESOLVED) {
				name->ttl_s = u32_min(name->ttl_s, name->answers[f].ttl_s);
			}
		}
		name->ttl_s = clamp(name->ttl_s, RESOLVER_TTL_MIN_S, RESOLVER_TTL_MAX_S);
	} else {
		name->failures++;
		name->ttl_s = u32_min(RESOLVER_RETRY_MIN_S << shift, RESOLVER_RETRY_MAX_S);
	}
	name->due = now_us() + name->ttl_s * USEC_PER_SECOND;
	result_put(name->resolver, name);
}

static void on_done(void *arg, enum dns_family family, const struct dns_answer *answer)
{
	struct name *name = arg;
	struct resolver *r = name->resolver;
	bool orphan = false;

	pthread_mutex_lock(&r->lock);
	name->answers[family] = *answer;
	if (--name->open == 0) {
		r->in_flight--;
		orphan = name->watches == 0;
		if (!orphan) {
			round_end(name);
		}
	}
	pthread_mutex_unlock(&r->lock);
	if (orphan) {
		free(name);
	}
}

// Asks what is due, as far as the bound allows. Returns how long nothing more is due, in
// milliseconds.
static int ask_due(struct resolver *r)
{
	struct name *due[NAMES_IN_FLIGHT_MAX];
	uint32_t n = 0;
	usec_t now = now_us();
	usec_t next = now + IDLE_WAIT_MS * USEC_PER_MILLISECOND;

	pthread_mutex_lock(&r->lock);
	for (uint32_t i = 0; i < r->count && r->in_flight < NAMES_IN_FLIGHT_MAX; i++) {
		struct name *name = r->names[i];

		if (name->open > 0) {
			continue;
		}
		if (name->due > now) {
			next = u64_min(next, name->due);
			continue;
		}
		name->open = DNS_FAMILIES;
		r->in_flight++;
		due[n++] = name;
	}
	pthread_mutex_unlock(&r->lock);
	// A name with open questions cannot go away, and its text never changes.
	for (uint32_t i = 0; i < n; i++) {
		dns_channel_ask(r->channel, due[i]->text, DNS_V4, on_done, due[i]);
		dns_channel_ask(r->channel, due[i]->text, DNS_V6, on_done, due[i]);
	}
	// Answers that came at once (hosts file, refused by the kernel) gave new due times.
	return n > 0 ? 0 : (int)((next - now) / USEC_PER_MILLISECOND) + 1;
}

// Whether /etc/resolv.conf is another one than when the channel was opened.
static bool resolv_conf_changed(struct resolver *r)
{
	struct stat info = {0};
	bool changed;

	if (stat("/etc/resolv.conf", &info) != 0) {
		info.st_mtim = (struct timespec){0};
	}
	changed = info.st_mtim.tv_sec != r->resolv_conf.tv_sec ||
		  info.st_mtim.tv_nsec != r->resolv_conf.tv_nsec;
	r->resolv_conf = info.st_mtim;
	return changed;
}

// Opens the channel again where the settings changed. False while there is none.
static bool channel_ready(struct resolver *r, bool reopen, const struct dns_settings *settings)
{
	char error[128];

	if (settings->servers[0] == '\0' && r->in_flight == 0 && resolv_conf_changed(r)) {
		reopen = true;
	}
	if (reopen) {
		dns_channel_destroy(r->channel);
		r->channel = NULL;
	}
	if (r->channel != NULL) {
		return true;
	}
	return dns_channel_create(settings, r->wake, &r->channel, error, sizeof(error)) == 0;
}

static void *resolver_run(void *arg)
{
	struct resolver *r = arg;

	for (;;) {
		struct dns_settings settings;
		bool reopen;
		bool stop;

		pthread_mutex_lock(&r->lock);
		clear_descriptor(r->wake);
		stop = r->stop;
		reopen = r->reopen;
		r->reopen = false;
		settings = r->settings;
		pthread_mutex_unlock(&r->lock);
		if (stop) {
			break;
		}
		if (channel_ready(r, reopen, &settings)) {
			dns_channel_wait(r->channel, ask_due(r));
		} else {
			poll(&(struct pollfd){.fd = r->wake, .events = POLLIN}, 1, REOPEN_WAIT_MS);
		}
	}
	dns_channel_destroy(r->channel);
	return NULL;
}

// The thread takes no signals: they belong to the control thread.
static int thread_start(struct resolver *r)
{
	sigset_t all;
	sigset_t before;
	int result;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = pthread_create(&r->thread, NULL, resolver_run, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (result == 0) {
		pthread_setname_np(r->thread, "nx-resolver");
	}
	return -result;
}

int resolver_create(
	const struct resolver_config *config, struct resolver **out, char *error, size_t error_size)
{
	struct resolver *r = calloc(1, sizeof(*r));
	int result = -ENOMEM;

	if (r == NULL) {
		snprintf(error, error_size, "resolvers: out of memory");
		return result;
	}
	result = dns_settings_init(&r->settings, config, error, error_size);
	if (result != 0) {
		goto free_memory;
	}
	r->last_waiting = &r->first_waiting;
	pthread_mutex_init(&r->lock, NULL);
	r->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->results = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (r->wake < 0 || r->results < 0) {
		result = -errno;
		snprintf(error, error_size, "resolvers: eventfd: %s", strerror(errno));
		goto close_descriptors;
	}
	ares_library_init(ARES_LIB_INIT_ALL);
	resolv_conf_changed(r);
	result = dns_channel_create(&r->settings, r->wake, &r->channel, error, error_size);
	if (result != 0) {
		goto end_library;
	}
	result = thread_start(r);
	if (result != 0) {
		snprintf(error, error_size, "resolvers: thread: %s", strerror(-result));
		dns_channel_destroy(r->channel);
		goto end_library;
	}
	*out = r;
	return 0;
end_library:
	ares_library_cleanup();
close_descriptors:
	if (r->wake >= 0) {
		close(r->wake);
	}
	if (r->results >= 0) {
		close(r->results);
	}
	pthread_mutex_destroy(&r->lock);
free_memory:
	free(r);
	return result;
}

int resolver_configure(
	struct resolver *r, const struct resolver_config *config, char *error, size_t error_size)
{
	struct dns_settings settings;
	int result = dns_settings_init(&settings, config, error, error_size);

	if (result != 0) {
		return result;
	}
	pthread_mutex_lock(&r->lock);
	r->settings = settings;
	r->reopen = true;
	for (uint32_t i = 0; i < r->count; i++) {
		r->names[i]->due = 0;
	}
	signal_descriptor(r->wake);
	pthread_mutex_unlock(&r->lock);
	return 0;
}

void resolver_destroy(struct resolver *r)
{
	if (r == NULL) {
		return;
	}
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	signal_descriptor(r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	for (uint32_t i = 0; i < r->count; i++) {
		free(r->names[i]);
	}
	ares_library_cleanup();
	close(r->wake);
	close(r->results);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

// Index of a watched name, or count; lock held.
static uint32_t find(const struct resolver *r, const char *text)
{
	uint32_t i = 0;

	while (i < r->count && strcasecmp(r->names[i]->text, text) != 0) {
		i++;
	}
	return i;
}

// Adds a name; lock held.
static int name_add(struct resolver *r, const char *text)
{
	struct name *name;

	if (r->count == RESOLVER_NAMES_MAX) {
		return -ENOSPC;
	}
	name = calloc(1, sizeof(*name));
	if (name == NULL) {
		return -ENOMEM;
	}
	strcpy(name->text, text);
	name->resolver = r;
	name->watches = 1;
	r->names[r->count++] = name;
	signal_descriptor(r->wake);
	return 0;
}

int resolver_watch(struct resolver *r, const char *text)
{
	int result = 0;
	uint32_t i;

	if (!host_name_is_valid(text)) {
		return -EINVAL;
	}
	pthread_mutex_lock(&r->lock);
	i = find(r, text);
	if (i == r->count) {
		result = name_add(r, text);
	} else {
		r->names[i]->watches++;
		if (r->names[i]->status != RESOLVER_PENDING) {
			result_put(r, r->names[i]);
		}
	}
	pthread_mutex_unlock(&r->lock);
	return result;
}

void resolver_unwatch(struct resolver *r, const char *text)
{
	struct name *name = NULL;
	uint32_t i;

	pthread_mutex_lock(&r->lock);
	i = find(r, text);
	if (i < r->count && --r->names[i]->watches == 0) {
		name = r->names[i];
		r->names[i] = r->names[--r->count];
		result_remove(r, name);
		if (name->open > 0) {
			name = NULL; // the last answer frees it
		}
	}
	pthread_mutex_unlock(&r->lock);
	free(name);
}

int resolver_descriptor(const struct resolver *r)
{
	return r->results;
}

// Lock held.
static void result_fill(const struct name *name, struct resolver_result *out)
{
	memcpy(out->name, name->text, sizeof(out->name));
	out->status = name->status;
	out->changed = name->changed;
	out->ttl_s = name->ttl_s;
	out->failures = name->failures;
	out->count = 0;
	for (int f = 0; f < DNS_FAMILIES; f++) {
		memcpy(&out->addresses[out->count], name->known[f].addresses,
			name->known[f].count * sizeof(out->addresses[0]));
		out->count += name->known[f].count;
	}
}

bool resolver_next(struct resolver *r, struct resolver_result *out)
{
	struct name *name;

	pthread_mutex_lock(&r->lock);
	name = r->first_waiting;
	if (name != NULL) {
		result_remove(r, name);
		result_fill(name, out);
		name->changed = false;
	}
	pthread_mutex_unlock(&r->lock);
	return name != NULL;
}

bool resolver_current(struct resolver *r, const char *text, struct resolver_result *out)
{
	uint32_t i;
	bool found;

	pthread_mutex_lock(&r->lock);
	i = find(r, text);
	found = i < r->count;
	if (found) {
		result_fill(r->names[i], out);
	}
	pthread_mutex_unlock(&r->lock);
	return found;
}
