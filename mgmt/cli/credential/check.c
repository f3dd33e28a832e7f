// SPDX-License-Identifier: BSD-3-Clause
// Whether a site is fit to be the target of a REALITY server: one handshake with it for each name
// that clients may ask for, as the server learns it.
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netdb.h>
#include <openssl/rand.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli/credential/credential.h"
#include "reality/probe.h"
#include "stream/proxy_protocol.h"
#include "tls13/browser.h"

enum {
	CONNECT_MS = 5000,
	ANSWER_MS = 5000,
	SILENCE_MS = 500, // behind the flight, and behind our Finished
	TEXT_BYTES = 300,
};

struct site {
	char host[TEXT_BYTES];
	char port[16];
	unsigned proxy_protocol; // version of the header that it gets first, 0 = none
	json_t *names;           // to ask for (SNI), at least one
};

static bool fill(void *user, uint8_t *out, size_t length)
{
	return RAND_bytes(out, (int)length) == 1;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// HOST:PORT or [ADDR6]:PORT.
static bool site_parse(const char *text, struct site *out)
{
	const char *colon = strrchr(text, ':');
	const char *host = text;
	size_t length = colon != NULL ? (size_t)(colon - text) : 0;

	if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
		host++;
		length -= 2;
	}
	if (length == 0 || length >= sizeof(out->host) || strlen(colon + 1) - 1 >= 5)
		return false;
	snprintf(out->host, sizeof(out->host), "%.*s", (int)length, host);
	snprintf(out->port, sizeof(out->port), "%s", colon + 1);
	out->proxy_protocol = 0;
	return true;
}

static enum exit_status site_from_row(const char *name, const json_t *row, struct site *out)
{
	const char *target = json_string_value(json_object_get(row, "target"));
	const char *header = json_string_value(json_object_get(row, "target_proxy_protocol"));

	if (target == NULL || !site_parse(target, out)) {
		fprintf(stderr, "nexpath: credential \"%s\" has no target; only kind reality has\n",
			name);
		return EXIT_REFUSED;
	}
	if (header != NULL && header[0] == 'v')
		out->proxy_protocol = header[1] == '1' ? 1 : 2;
	out->names = json_copy(json_object_get(row, "names"));
	return EXIT_DONE;
}

// The target of a configured credential.
static enum exit_status site_ask(const struct invocation *v, const char *name, struct site *out)
{
	struct client *client;
	json_t *result = NULL;
	const json_t *row, *found = NULL;
	size_t i;
	enum exit_status status = client_open(v->socket, &client);

	if (status != EXIT_DONE)
		return status;
	status = client_call(client, "credential.list", NULL, &result);
	if (status == EXIT_REFUSED)
		client_refusal_print(client, NULL);
	client_close(client);
	if (status != EXIT_DONE)
		return status;
	json_array_foreach(json_object_get(result, "credentials"), i, row)
	{
		if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0)
			found = row;
	}
	if (found != NULL) {
		status = site_from_row(name, found, out);
	} else {
		fprintf(stderr,
			"nexpath: there is no credential \"%s\"; nexpath credential list shows them, "
			"and HOST:PORT names any site\n",
			name);
		status = EXIT_REFUSED;
	}
	json_decref(result);
	return status;
}

static int connect_one(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	int error = 0;
	socklen_t length = sizeof(error);

	if (fd < 0)
		return -errno;
	if (connect(fd, a->ai_addr, a->ai_addrlen) != 0)
		error = errno;
	if (error == EINPROGRESS) {
		error = poll(&wait, 1, CONNECT_MS) == 1 ? 0 : ETIMEDOUT;
		if (error == 0)
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	}
	if (error == 0)
		return fd;
	close(fd);
	return -error;
}

static int site_connect(const struct site *site)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list;
	int found = getaddrinfo(site->host, site->port, &hints, &list);
	int fd = -EHOSTUNREACH;

	if (found != 0) {
		fprintf(stderr, "nexpath: %s: %s\n", site->host, gai_strerror(found));
		return -EHOSTUNREACH;
	}
	for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next)
		fd = connect_one(a);
	freeaddrinfo(list);
	if (fd < 0)
		fprintf(stderr, "nexpath: %s:%s: %s\n", site->host, site->port, strerror(-fd));
	return fd;
}

static bool output_send(int fd, struct reality_probe *p)
{
	const uint8_t *bytes;
	size_t length;

	while ((length = reality_probe_output(p, &bytes)) > 0) {
		struct pollfd wait = {.fd = fd, .events = POLLOUT};
		ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);

		if (n > 0)
			reality_probe_sent(p, (size_t)n);
		else if (errno != EAGAIN || poll(&wait, 1, ANSWER_MS) != 1)
			return false;
	}
	return true;
}

// That the connection is our own, as a node says it when it looks. It is the first that is sent: a
// new connection has room for it.
static bool header_send(int fd, unsigned version)
{
	uint8_t bytes[PROXY_PROTOCOL_WRITE_MAX];
	size_t length = version != 0 ? proxy_protocol_write(version, NULL, bytes) : 0;

	return length == 0 || send(fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length;
}

// Takes what comes until nothing did for so long, the peer is done, or the handshake is complete
// where that is waited for.
static bool input_take(int fd, struct reality_probe *p, int silence_ms, bool until_complete)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	uint8_t bytes[16384];

	while (poll(&wait, 1, silence_ms) == 1) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

		if (n <= 0 || reality_probe_input(p, bytes, (size_t)n, now_ms()) != TLS13_OK ||
			!output_send(fd, p))
			return false;
		if (until_complete && reality_probe_is_complete(p))
			return true;
	}
	return !until_complete;
}

static void handshake(int fd, unsigned proxy_protocol, struct reality_probe *p)
{
	if (!header_send(fd, proxy_protocol) || reality_probe_begin(p, now_ms()) != TLS13_OK ||
		!output_send(fd, p) || !input_take(fd, p, ANSWER_MS, true) ||
		!input_take(fd, p, SILENCE_MS, false))
		return;
	reality_probe_finish(p);
	if (output_send(fd, p))
		(void)input_take(fd, p, SILENCE_MS, false);
}

static json_t *lengths_json(const uint16_t *lengths, uint8_t count)
{
	json_t *list = json_array();

	for (uint8_t i = 0; i < count; i++)
		json_array_append_new(list, json_integer(lengths[i]));
	return list;
}

static void lengths_print(const char *title, const uint16_t *lengths, uint8_t count)
{
	printf("%-24s", title);
	for (uint8_t i = 0; i < count; i++)
		printf("%s%u", i > 0 ? " " : "", lengths[i]);
	puts(count == 0 ? "none" : "");
}

static enum exit_status verdict_print(const struct invocation *v, const struct site *site,
	const char *name, struct reality_probe *p)
{
	enum reality_fitness fitness = reality_probe_judge(p, false);
	struct reality_shape shape;
	bool fit = fitness == REALITY_FIT;
	const char *why = reality_fitness_text(fitness);

	reality_probe_shape(p, &shape);
	if (v->json) {
		json_t *all = json_pack("{s:s, s:s, s:b, s:s, s:b, s:o, s:o}", "target", site->host,
			"name", name, "fit", fit, "reason", why, "fit_mldsa65",
			fit && reality_probe_judge(p, true) == REALITY_FIT, "flight",
			lengths_json(shape.flight, shape.flight_count), "after",
			lengths_json(shape.after, shape.after_count));

		json_line_print(all);
		json_decref(all);
		return fit ? EXIT_DONE : EXIT_REFUSED;
	}
	lengths_print("records of its flight", shape.flight, shape.flight_count);
	lengths_print("records behind it", shape.after, shape.after_count);
	printf("%-24s%s\n", "room for ML-DSA-65",
		fit && reality_probe_judge(p, true) == REALITY_FIT ? "yes" : "no");
	printf("%s:%s as %s: %s%s\n", site->host, site->port, name, fit ? "" : "not fit: ", why);
	return fit ? EXIT_DONE : EXIT_REFUSED;
}

static enum exit_status name_probe(
	const struct invocation *v, const struct site *site, const char *name, int fd)
{
	struct reality_probe_config config = {
		.random = {.fill = fill},
		.browser = &tls13_browser_chrome,
		.name = name,
		.alpn = REALITY_ALPN_H2,
	};
	struct tls13_library *library;
	struct reality_probe *p;
	enum exit_status status = EXIT_REFUSED;

	if (tls13_library_create(&library) != 0) {
		fprintf(stderr, "nexpath: OpenSSL lacks an algorithm of TLS 1.3\n");
		return EXIT_REFUSED;
	}
	config.library = library;
	if (reality_probe_create(&config, &p) == 0) {
		handshake(fd, site->proxy_protocol, p);
		status = verdict_print(v, site, name, p);
		reality_probe_destroy(p);
	} else {
		fprintf(stderr, "nexpath: \"%s\" is too long for a name\n", name);
	}
	tls13_library_destroy(library);
	return status;
}

// Each name over a connection of its own; it is fit when it is for all of them.
static enum exit_status site_probe(const struct invocation *v, const struct site *site)
{
	enum exit_status status = EXIT_DONE;
	const json_t *name;
	size_t i;

	json_array_foreach(site->names, i, name)
	{
		int fd = site_connect(site);

		if (fd < 0)
			return EXIT_REFUSED;
		if (name_probe(v, site, json_string_value(name), fd) != EXIT_DONE)
			status = EXIT_REFUSED;
		close(fd);
	}
	return status;
}

enum exit_status run_credential_check(const struct invocation *v)
{
	const char *what = v->arguments[0];
	const char *name = invocation_option(v, "name");
	enum exit_status status = EXIT_DONE;
	struct site site = {0};

	if (strchr(what, ':') == NULL)
		status = site_ask(v, what, &site);
	else if (!site_parse(what, &site))
		return usage_fault(v->verb, "\"%s\" is neither a name nor HOST:PORT", what);
	if (status != EXIT_DONE)
		return status;
	if (name != NULL || json_array_size(site.names) == 0) {
		json_decref(site.names);
		site.names = json_pack("[s]", name != NULL ? name : site.host);
	}
	status = site_probe(v, &site);
	json_decref(site.names);
	return status;
}
