// SPDX-License-Identifier: BSD-3-Clause
#include "dns/channel.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	DEFAULT_TIMEOUT_MS = 2000,
	DEFAULT_TRIES = 2,
	DNS_PORT = 53,
	EVENTS_A_WAIT = 32
};

struct dns_channel {
	ares_channel ares;
	int epoll;
	int wake;
};

struct question {
	dns_done *done;
	void *arg;
	enum dns_family family;
};

// "ADDR", "ADDR:PORT", "[ADDR6]" or "[ADDR6]:PORT" in text; writes the form with brackets and port
// that every c-ares version reads alike.
static bool server_print(const char *text, char *out, size_t size)
{
	struct in6_addr parsed;
	char host[INET6_ADDRSTRLEN + 2];
	const char *port = NULL;
	const char *end = text + strlen(text);
	unsigned long number = DNS_PORT;

	if (*text == '[') {
		end = strchr(++text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':')) {
			return false;
		}
		port = end[1] == ':' ? end + 2 : NULL;
	} else if (strchr(text, ':') != NULL && strchr(text, ':') == strrchr(text, ':')) {
		end = strchr(text, ':');
		port = end + 1;
	}
	if ((size_t)(end - text) >= sizeof(host)) {
		return false;
	}
	memcpy(host, text, (size_t)(end - text));
	host[end - text] = '\0';
	if (port != NULL) {
		char *rest;

		number = strtoul(port, &rest, 10);
		if (*port < '0' || *port > '9' || *rest != '\0' || number == 0 || number > 65535) {
			return false;
		}
	}
	if (inet_pton(AF_INET, host, &parsed) == 1) {
		snprintf(out, size, "%s:%lu", host, number);
		return true;
	}
	if (inet_pton(AF_INET6, host, &parsed) != 1) {
		return false;
	}
	snprintf(out, size, "[%s]:%lu", host, number);
	return true;
}

int dns_settings_init(struct dns_settings *settings, const struct resolver_config *config,
	char *error, size_t error_size)
{
	struct dns_settings made = {
		.timeout_ms = config->timeout_ms ? (int)config->timeout_ms : DEFAULT_TIMEOUT_MS,
		.tries = config->tries ? (int)config->tries : DEFAULT_TRIES,
	};
	size_t used = 0;

	if (config->server_count > RESOLVER_SERVERS_MAX) {
		snprintf(error, error_size, "resolvers: %u servers; name at most %d",
			config->server_count, RESOLVER_SERVERS_MAX);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < config->server_count; i++) {
		char server[64];

		if (!server_print(config->servers[i], server, sizeof(server))) {
			snprintf(error, error_size,
				"resolvers: \"%s\" is no name server; write ADDR, ADDR:PORT or [ADDR6]:PORT",
				config->servers[i]);
			return -EINVAL;
		}
		used += (size_t)snprintf(made.servers + used, sizeof(made.servers) - used, "%s%s",
			i ? "," : "", server);
	}
	*settings = made;
	return 0;
}

static void on_socket_state(void *data, ares_socket_t fd, int readable, int writable)
{
	struct dns_channel *channel = data;
	struct epoll_event event = {
		.events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u),
		.data.fd = fd,
	};

	if (!readable && !writable) {
		epoll_ctl(channel->epoll, EPOLL_CTL_DEL, fd, NULL);
	} else if (epoll_ctl(channel->epoll, EPOLL_CTL_ADD, fd, &event) != 0 && errno == EEXIST) {
		epoll_ctl(channel->epoll, EPOLL_CTL_MOD, fd, &event);
	}
}

static int open_ares(struct dns_channel *channel, const struct dns_settings *settings)
{
	static char dns_only[] = "b";
	struct ares_options options = {
		.flags = ARES_FLAG_NOALIASES,
		.timeout = settings->timeout_ms,
		.tries = settings->tries,
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = channel,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
	int status;

	// Servers of the configuration are asked for exactly the name: no search list, no hosts
	// file.
	if (settings->servers[0] != '\0') {
		options.flags |= ARES_FLAG_NOSEARCH;
		options.lookups = dns_only;
		mask |= ARES_OPT_LOOKUPS;
	}
#ifdef ARES_OPT_QUERY_CACHE
	// Records are kept here, by name and with their own bounds.
	options.qcache_max_ttl = 0;
	mask |= ARES_OPT_QUERY_CACHE;
#endif
	status = ares_init_options(&channel->ares, &options, mask);
	if (status == ARES_SUCCESS && settings->servers[0] != '\0') {
		status = ares_set_servers_ports_csv(channel->ares, settings->servers);
		if (status != ARES_SUCCESS) {
			ares_destroy(channel->ares);
		}
	}
	return status;
}

int dns_channel_create(const struct dns_settings *settings, int wake, struct dns_channel **out,
	char *error, size_t error_size)
{
	struct dns_channel *channel = calloc(1, sizeof(*channel));
	struct epoll_event event = {.events = EPOLLIN, .data.fd = wake};
	int status;
	int result = -ENOMEM;

	if (channel == NULL) {
		snprintf(error, error_size, "resolvers: out of memory");
		return result;
	}
	channel->wake = wake;
	channel->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (channel->epoll < 0 || epoll_ctl(channel->epoll, EPOLL_CTL_ADD, wake, &event) != 0) {
		result = -errno;
		snprintf(error, error_size, "resolvers: epoll: %s", strerror(errno));
		goto fail;
	}
	status = open_ares(channel, settings);
	if (status != ARES_SUCCESS) {
		result = status == ARES_ENOMEM ? -ENOMEM : -EIO;
		snprintf(error, error_size, "resolvers: c-ares: %s", ares_strerror(status));
		goto fail;
	}
	*out = channel;
	return 0;
fail:
	if (channel->epoll >= 0) {
		close(channel->epoll);
	}
	free(channel);
	return result;
}

void dns_channel_destroy(struct dns_channel *channel)
{
	if (channel == NULL) {
		return;
	}
	ares_destroy(channel->ares);
	close(channel->epoll);
	free(channel);
}

static enum resolver_status status_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
	case ARES_ENODATA:
		return RESOLVER_NO_ADDRESS; // until an address is found in the answer
	case ARES_ENOTFOUND:
		return RESOLVER_NOT_FOUND;
	case ARES_ETIMEOUT:
	case ARES_ECONNREFUSED:
		return RESOLVER_UNREACHABLE;
	case ARES_ECANCELLED:
	case ARES_EDESTRUCTION:
		return RESOLVER_PENDING;
	default:
		return RESOLVER_SERVER_FAILED;
	}
}

static struct ip_address address_of(const struct ares_addrinfo_node *node)
{
	// Copied, since an ai_addr is only as aligned as its family asks.
	struct sockaddr_in6 v6 = {0};
	struct sockaddr_in v4 = {0};

	if (node->ai_family == AF_INET) {
		memcpy(&v4, node->ai_addr, sizeof(v4));
		return ip_address_from_v4(v4.sin_addr.s_addr);
	}
	memcpy(&v6, node->ai_addr, sizeof(v6));
	return ip_address_from_bytes(v6.sin6_addr.s6_addr);
}

// Keeps addresses ascending and without duplicates; of too many the lowest stay, so that a server
// that rotates its records gives the same set each time.
static void answer_add(struct dns_answer *answer, const struct ip_address *address)
{
	uint32_t at = 0;
	uint32_t moved;

	while (at < answer->count) {
		int order = memcmp(answer->addresses[at].bytes, address->bytes, 16);

		if (order == 0) {
			return;
		}
		if (order > 0) {
			break;
		}
		at++;
	}
	if (at == RESOLVER_FAMILY_MAX) {
		return;
	}
	moved = u32_min(answer->count, RESOLVER_FAMILY_MAX - 1) - at;
	memmove(&answer->addresses[at + 1], &answer->addresses[at],
		moved * sizeof(answer->addresses[0]));
	answer->addresses[at] = *address;
	answer->count = u32_min(answer->count + 1, RESOLVER_FAMILY_MAX);
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct question *question = arg;
	struct dns_answer answer = {.status = status_of(status), .ttl_s = RESOLVER_TTL_MAX_S};
	int family = question->family == DNS_V4 ? AF_INET : AF_INET6;

	(void)timeouts;
	if (status == ARES_SUCCESS && info != NULL) {
		for (struct ares_addrinfo_cname *c = info->cnames; c != NULL; c = c->next) {
			answer.ttl_s = u32_min(answer.ttl_s, c->ttl > 0 ? (uint32_t)c->ttl : 0);
		}
		for (struct ares_addrinfo_node *n = info->nodes; n != NULL; n = n->ai_next) {
			if (n->ai_family == family) {
				struct ip_address address = address_of(n);

				answer_add(&answer, &address);
				answer.ttl_s = u32_min(
					answer.ttl_s, n->ai_ttl > 0 ? (uint32_t)n->ai_ttl : 0);
			}
		}
		if (answer.count > 0) {
			answer.status = RESOLVER_RESOLVED;
		}
	}
	if (info != NULL) {
		ares_freeaddrinfo(info);
	}
	question->done(question->arg, question->family, &answer);
	free(question);
}

void dns_channel_ask(struct dns_channel *channel, const char *name, enum dns_family family,
	dns_done *done, void *arg)
{
	struct question *question = malloc(sizeof(*question));
	// Unsorted: sorting would open a socket to every address, and the order here is our own.
	struct ares_addrinfo_hints hints = {
		.ai_family = family == DNS_V4 ? AF_INET : AF_INET6,
		.ai_flags = ARES_AI_NOSORT,
	};

	if (question == NULL) {
		struct dns_answer answer = {.status = RESOLVER_SERVER_FAILED};

		done(arg, family, &answer);
		return;
	}
	*question = (struct question){.done = done, .arg = arg, .family = family};
	ares_getaddrinfo(channel->ares, name, NULL, &hints, on_answer, question);
}

void dns_channel_wait(struct dns_channel *channel, int timeout_ms)
{
	struct epoll_event events[EVENTS_A_WAIT];
	struct timeval most = {
		.tv_sec = timeout_ms / 1000,
		.tv_usec = (timeout_ms % 1000) * 1000,
	};
	struct timeval next;
	struct timeval *wait = ares_timeout(channel->ares, &most, &next);
	// Rounded up: a timer that is not due yet would otherwise be polled in a spin.
	int wait_ms = (int)(wait->tv_sec * 1000 + (wait->tv_usec + 999) / 1000);
	int n = epoll_wait(channel->epoll, events, EVENTS_A_WAIT, wait_ms);

	for (int i = 0; i < n; i++) {
		int fd = events[i].data.fd;
		bool failed = events[i].events & (EPOLLERR | EPOLLHUP);

		if (fd != channel->wake) {
			ares_process_fd(channel->ares,
				failed || (events[i].events & EPOLLIN) ? fd : ARES_SOCKET_BAD,
				events[i].events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
		}
	}
	ares_process_fd(channel->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}
