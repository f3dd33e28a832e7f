// SPDX-License-Identifier: BSD-3-Clause
// Our REALITY on sockets, for foreign peers to talk to; on 127.0.0.1 but where an ADDRESS says
// otherwise, keys in hex.
//   reality-peer client [ADDRESS/]PORT NAME PUBLIC SHORT_ID BROWSER [VERIFY]    standard input and
//   output reality-peer server PORT NAME PRIVATE SHORT_ID TARGET_PORT BACKEND_PORT RULE [SEED]
//   reality-peer leaver NAME PUBLIC SHORT_ID BROWSER    a client whose wire is standard input and
//   output: a hello, and behind the answer, whoever's that is, an alert under its keys
//   reality-peer mldsa    ends with 0 where VERIFY and SEED, which are ML-DSA-65's, can be used
// How each connection ended is a line on standard error.
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "reality/client.h"
#include "reality/server.h"
#include "tunnel.h"

enum {
	TAPE_MAX = 1 << 20,
};

static struct tls13_library *library;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void hex(const char *text, uint8_t *out, size_t max)
{
	unsigned int byte;

	for (size_t i = 0; i < max && sscanf(text + 2 * i, "%2x", &byte) == 1; i++)
		out[i] = (uint8_t)byte;
}

static struct sockaddr_in local(const char *port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = be16_from_host((uint16_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = be32_from_host(INADDR_LOOPBACK)};
}

// "PORT", or "ADDRESS/PORT" of either family.
static int dial(const char *where)
{
	const char *slash = strchr(where, '/');
	const char *port = slash != NULL ? slash + 1 : where;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
	char address[INET6_ADDRSTRLEN] = "127.0.0.1";
	struct addrinfo *to;
	int fd;

	if (slash != NULL)
		snprintf(address, sizeof(address), "%.*s", (int)(slash - where), where);
	if (getaddrinfo(address, port, &hints, &to) != 0)
		return -1;
	fd = socket(to->ai_family, SOCK_STREAM, 0);
	if (connect(fd, to->ai_addr, to->ai_addrlen) != 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(to);
	return fd;
}

static bool send_output(int fd, struct tls13_stream *s)
{
	const uint8_t *bytes;
	size_t n = tls13_stream_output(s, &bytes);
	bool ok = write_all(fd, bytes, n);

	tls13_stream_sent(s, n);
	return ok;
}

// The handshake; what came behind it is held in the tunnel.
static enum reality_client_result shake(struct reality_client *c, int fd, struct writer *behind)
{
	enum reality_client_result result = reality_client_begin(c, now_ms());
	uint8_t bytes[65536];
	size_t taken;
	ssize_t n;

	while (result == REALITY_CLIENT_TALKING && send_output(fd, reality_client_stream(c)) &&
		(n = read(fd, bytes, sizeof(bytes))) > 0) {
		result = reality_client_input(c, bytes, (size_t)n, now_ms(), &taken);
		writer_bytes(behind, bytes + taken, (size_t)n - taken);
	}
	if (!send_output(fd, reality_client_stream(c)))
		return REALITY_CLIENT_FAILED;
	return result;
}

static int run_client(char **arguments)
{
	struct reality_client_config config = {.library = library, .name = arguments[1]};
	struct writer behind = writer_with(TAPE_MAX);
	uint8_t verify[REALITY_MLDSA_PUBLIC_BYTES] = {0};
	enum reality_client_result result;
	struct tls13_stream_key in, out;
	struct reality_client *c;
	struct tunnel tunnel;
	int fd = dial(arguments[0]);

	hex(arguments[2], config.public_key, sizeof(config.public_key));
	hex(arguments[3], config.short_id, sizeof(config.short_id));
	config.browser = tls13_browser_find(arguments[4]);
	if (arguments[5] != NULL) {
		hex(arguments[5], verify, sizeof(verify));
		config.mldsa_key = reality_mldsa_from_public(verify, sizeof(verify));
	}
	if (fd < 0 || (arguments[5] != NULL && config.mldsa_key == NULL) ||
		reality_client_create(&config, &c) != 0)
		return 2;
	result = shake(c, fd, &behind);
	fprintf(stderr, "client: %s; %s\n", reality_client_result_text(result),
		tls13_verdict_text(reality_client_verdict(c)));
	if (result != REALITY_CLIENT_OPEN)
		return 1;
	tls13_stream_keys(reality_client_stream(c), &in, &out);
	if (!tunnel_init(&tunnel, library, &in.secret, in.sequence, &out.secret, out.sequence))
		return 2;
	tunnel.wire = fd;
	tunnel.plain_in = STDIN_FILENO;
	tunnel.plain_out = STDOUT_FILENO;
	tunnel_hold(&tunnel, behind.base, behind.used);
	return tunnel_run(&tunnel) == 0 ? 0 : 1;
}

static bool read_all(uint8_t *bytes, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t n = read(STDIN_FILENO, bytes + done, length - done);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

// The ServerHello, which has a record of its own, and the alert of a browser that does not know the
// certificate's authority.
static bool give_up(struct reality_client *c)
{
	static const uint8_t unknown_ca[ALERT_BYTES] = {2, 48};
	uint8_t bytes[RECORD_HEADER_BYTES + RECORD_PLAIN_MAX];
	struct writer alert = writer_with(100);
	struct tls13_stream_key in, out;
	struct record_key key = {0};
	size_t length, taken;

	if (!read_all(bytes, RECORD_HEADER_BYTES))
		return false;
	length = be16_to_host(be16_load(bytes + 3));
	if (length > RECORD_PLAIN_MAX || !read_all(bytes + RECORD_HEADER_BYTES, length) ||
		reality_client_input(c, bytes, RECORD_HEADER_BYTES + length, now_ms(), &taken) !=
			REALITY_CLIENT_TALKING)
		return false;
	tls13_stream_keys(reality_client_stream(c), &in, &out);
	record_write_plain(&alert, RECORD_CHANGE_CIPHER_SPEC, VERSION_1_2, (uint8_t[]){1}, 1);
	return record_key_set(library, true, &out.secret, &key) &&
	       record_seal(&key, &alert, RECORD_ALERT, unknown_ca, sizeof(unknown_ca), 0) &&
	       write_all(STDOUT_FILENO, alert.base, alert.used);
}

static int run_leaver(char **arguments)
{
	struct reality_client_config config = {.library = library, .name = arguments[0]};
	struct reality_client *c;

	hex(arguments[1], config.public_key, sizeof(config.public_key));
	hex(arguments[2], config.short_id, sizeof(config.short_id));
	config.browser = tls13_browser_find(arguments[3]);
	if (config.browser == NULL || reality_client_create(&config, &c) != 0 ||
		reality_client_begin(c, now_ms()) != REALITY_CLIENT_TALKING ||
		!send_output(STDOUT_FILENO, reality_client_stream(c)))
		return 2;
	return give_up(c) ? 0 : 1;
}

// One connection of the server: by side, its socket and what came of it.
struct relay {
	struct reality_server *session;
	int fds[2];
	struct writer tapes[2];
	size_t done[2];
	struct reality_action end;
	bool left, ended;
};

static bool pass(struct relay *r, enum reality_side from, size_t to)
{
	size_t at = r->done[from];

	r->done[from] = to;
	return write_all(r->fds[1 - from], r->tapes[from].base + at, to - at);
}

static bool act(struct relay *r, const struct reality_action *a)
{
	switch (a->kind) {
	case REALITY_LEAVE:
		r->left = true;
		[[fallthrough]];
	case REALITY_FORWARD:
		return pass(r, REALITY_CLIENT, a->client);
	case REALITY_SEND:
		r->done[REALITY_TARGET] = a->target;
		return write_all(r->fds[REALITY_CLIENT], a->bytes.p, cursor_left(&a->bytes));
	case REALITY_SPLICE:
		r->ended = true;
		r->end = *a;
		return pass(r, REALITY_CLIENT, r->tapes[REALITY_CLIENT].used) &&
		       (r->left || pass(r, REALITY_TARGET, r->tapes[REALITY_TARGET].used));
	default:
		r->ended = true;
		r->end = *a;
		return true;
	}
}

static void take(struct relay *r, enum reality_side side)
{
	struct reality_action a;
	uint8_t bytes[65536];
	ssize_t n = read(r->fds[side], bytes, sizeof(bytes));

	if (n > 0) {
		writer_bytes(&r->tapes[side], bytes, (size_t)n);
		reality_server_input(r->session, side, bytes, (size_t)n, now_ms());
	} else {
		if (side == REALITY_CLIENT)
			reality_server_client_end(r->session);
		else
			reality_server_end(r->session);
		shutdown(r->fds[1 - side], SHUT_WR);
	}
	while (reality_server_next(r->session, &a) && act(r, &a))
		continue;
}

static void wait_for_both(const struct relay *r, struct pollfd fds[2], const bool closed[2])
{
	for (int i = 0; i < 2; i++)
		fds[i] = (struct pollfd){.fd = closed[i] ? -1 : r->fds[i], .events = POLLIN};
	if (poll(fds, 2, -1) < 0)
		exit(2);
}

static void splice(struct relay *r)
{
	bool closed[2] = {false, false};
	uint8_t bytes[65536];
	struct pollfd fds[2];

	while (!closed[0] || !closed[1]) {
		wait_for_both(r, fds, closed);
		for (int i = 0; i < 2; i++) {
			ssize_t n = fds[i].revents != 0 ? read(r->fds[i], bytes, sizeof(bytes)) : 1;

			if (fds[i].revents == 0)
				continue;
			if (n > 0 && ((r->left && i == REALITY_TARGET) ||
					     write_all(r->fds[1 - i], bytes, (size_t)n)))
				continue;
			closed[i] = true;
			shutdown(r->fds[1 - i], SHUT_WR);
		}
	}
}

static int open_up(struct relay *r, const char *backend_port)
{
	const struct writer *tape = &r->tapes[REALITY_CLIENT];
	struct tunnel tunnel;
	int backend = dial(backend_port);

	close(r->fds[REALITY_TARGET]);
	if (backend < 0 || !tunnel_init(&tunnel, library, &r->end.in.secret, r->end.in.sequence,
				   &r->end.out.secret, r->end.out.sequence))
		return 2;
	tunnel.wire = r->fds[REALITY_CLIENT];
	tunnel.plain_in = tunnel.plain_out = backend;
	tunnel_hold(&tunnel, tape->base + r->end.client, tape->used - r->end.client);
	return tunnel_run(&tunnel);
}

static int serve(const struct reality_server_config *config, int client, char **arguments)
{
	static const bool open[2];
	struct relay r = {.fds = {client, dial(arguments[4])},
		.tapes = {writer_with(TAPE_MAX), writer_with(TAPE_MAX)}};
	struct pollfd fds[2];

	if (r.fds[REALITY_TARGET] < 0 || reality_server_create(config, &r.session) != 0)
		return 2;
	while (!r.ended) {
		wait_for_both(&r, fds, open);
		for (int i = 0; i < 2; i++) {
			if (fds[i].revents != 0 && !r.ended)
				take(&r, (enum reality_side)i);
		}
	}
	fprintf(stderr, "server: %s\n", reality_result_label(reality_server_result(r.session)));
	if (r.end.kind == REALITY_OPEN)
		return open_up(&r, arguments[5]);
	splice(&r);
	return 0;
}

// What s_server sends behind a client's Finished, for a stock client to take the likeness of.
static bool shapes_fill(
	const struct reality_credential *credential, const char *name, struct reality_shapes **out)
{
	static const struct reality_shape tickets = {.after = {239, 239}, .after_count = 2};

	if (reality_shapes_create(credential, out) != 0)
		return false;
	for (uint8_t kind = 0; kind < REALITY_KINDS; kind++)
		reality_shapes_learn(*out, name, kind, &tickets);
	return true;
}

// A connection's own process: keys lie in memory that no child inherits.
static int serve_alone(const struct reality_settings *settings, int client, char **arguments)
{
	struct reality_server_config config = {.replay = NULL};
	struct reality_credential *credential;

	if (reality_credential_create(library, &config.random, settings, &credential) != 0 ||
		!shapes_fill(credential, settings->names[0], &config.shapes))
		return 2;
	config.credential = credential;
	return serve(&config, client, arguments);
}

static int run_server(char **arguments)
{
	const char *const names[] = {arguments[1]};
	uint8_t short_ids[1][REALITY_SHORT_ID_BYTES] = {{0}};
	struct reality_settings settings = {.names = names,
		.name_count = 1,
		.short_ids = (const uint8_t(*)[REALITY_SHORT_ID_BYTES])short_ids,
		.short_id_count = 1,
		.max_time_diff_s = 120,
		.share_rule = strcmp(arguments[6], "new") == 0 ? REALITY_SHARES_HYBRID_FIRST
							       : REALITY_SHARES_ANY};
	uint8_t seed[REALITY_MLDSA_SEED_BYTES] = {0};
	struct sockaddr_in at = local(arguments[0]);
	int listener = socket(AF_INET, SOCK_STREAM, 0), client;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	hex(arguments[2], settings.private_key, sizeof(settings.private_key));
	hex(arguments[3], short_ids[0], sizeof(short_ids[0]));
	if (arguments[7] != NULL) {
		hex(arguments[7], seed, sizeof(seed));
		settings.mldsa65_seed = seed;
	}
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(listener, 64) != 0)
		return 2;
	signal(SIGCHLD, SIG_IGN);
	while ((client = accept(listener, NULL, NULL)) >= 0) {
		if (fork() == 0)
			_exit(serve_alone(&settings, client, arguments));
		close(client);
	}
	return 0;
}

int main(int count, char **arguments)
{
	signal(SIGPIPE, SIG_IGN);
	if (tls13_library_create(&library) != 0)
		return 2;
	if ((count == 7 || count == 8) && strcmp(arguments[1], "client") == 0)
		return run_client(arguments + 2);
	if ((count == 9 || count == 10) && strcmp(arguments[1], "server") == 0)
		return run_server(arguments + 2);
	if (count == 6 && strcmp(arguments[1], "leaver") == 0)
		return run_leaver(arguments + 2);
	if (count == 2 && strcmp(arguments[1], "mldsa") == 0)
		return reality_mldsa_is_there() ? 0 : 1;
	fprintf(stderr, "reality-peer client [ADDRESS/]PORT NAME PUBLIC SHORT_ID BROWSER [VERIFY]\n"
			"reality-peer server PORT NAME PRIVATE SHORT_ID TARGET_PORT BACKEND_PORT "
			"any|new [SEED]\n"
			"reality-peer leaver NAME PUBLIC SHORT_ID BROWSER\n"
			"reality-peer mldsa\n");
	return 2;
}
