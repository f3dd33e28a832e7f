// SPDX-License-Identifier: BSD-3-Clause
// tls13-shim: the handshake engine, and fastpath/tls behind it, as a program under BoringSSL's test
// runner (ssl/test/PORTING.md there). Exit 0: done; 89: a flag that it does not know; 1: an error,
// named on standard error.
#include <stdarg.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <sys/socket.h>
#include <time.h>

#include "tls/record.h"
#include "tls13/signature.h"
#include "tls13/stream.h"

enum {
	EXIT_UNIMPLEMENTED = 89,
	LIST_MAX = 32,
	PIECE = 2000,
};

struct numbers {
	uint16_t values[LIST_MAX];
	size_t count;
};

static struct {
	uint16_t port;
	uint64_t id;
	bool ipv6, server, writes_first, shuts_down, check_close, no_ticket, update;
	bool expect_hrr, expect_no_hrr, expect_miss;
	int resumptions;
	const char *certificate, *key, *name, *expect_name, *expect_alpn;
	const char *export_label, *export_context;
	uint32_t export_length, expect_group, expect_scheme;
	char protocols[8][256];
	const char *protocol_list[8];
	uint8_t protocol_count;
	struct numbers groups, verify_schemes, own_schemes;
	enum tls13_client_certificate asks;
} flags;

static struct tls13_browser browser;
static struct tls13_config config;
static struct tls_context records;
static uint8_t session[8192];
static size_t session_length;

_Noreturn static void end(int status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(status);
}

static void add(struct numbers *list, const char *value)
{
	if (list->count < LIST_MAX)
		list->values[list->count++] = (uint16_t)strtoul(value, NULL, 10);
}

// Protocols as they stand in the extension: each with its length in front.
static void split_protocols(const char *wire)
{
	while (*wire != 0 && flags.protocol_count < 8) {
		size_t length = (uint8_t)*wire;
		char *out = flags.protocols[flags.protocol_count];

		if (strlen(wire + 1) < length)
			end(EXIT_UNIMPLEMENTED, "protocols");
		memcpy(out, wire + 1, length);
		flags.protocol_list[flags.protocol_count++] = out;
		wire += 1 + length;
	}
}

static void one_protocol(const char *name)
{
	snprintf(flags.protocols[0], sizeof(flags.protocols[0]), "%s", name);
	flags.protocol_list[0] = flags.protocols[0];
	flags.protocol_count = 1;
}

static bool take_switch(const char *name)
{
	static const struct {
		const char *name;
		bool *flag;
	} switches[] = {
		{"ipv6", &flags.ipv6},
		{"server", &flags.server},
		{"shim-writes-first", &flags.writes_first},
		{"shim-shuts-down", &flags.shuts_down},
		{"check-close-notify", &flags.check_close},
		{"no-ticket", &flags.no_ticket},
		{"key-update", &flags.update},
		{"expect-hrr", &flags.expect_hrr},
		{"expect-no-hrr", &flags.expect_no_hrr},
		{"expect-session-miss", &flags.expect_miss},
	};
	static const char *const ignored[] = {"async", "implicit-handshake", "no-tls1", "no-tls11",
		"no-tls12", "use-export-context", "new-x509-credential", "peek-then-read"};

	for (size_t i = 0; i < nx_array_size(switches); i++) {
		if (strcmp(name, switches[i].name) == 0)
			return *switches[i].flag = true;
	}
	for (size_t i = 0; i < nx_array_size(ignored); i++) {
		if (strcmp(name, ignored[i]) == 0)
			return true;
	}
	if (strcmp(name, "verify-peer") == 0 && flags.asks == TLS13_CLIENT_CERTIFICATE_NONE)
		return flags.asks = TLS13_CLIENT_CERTIFICATE_OPTIONAL, true;
	if (strcmp(name, "require-any-client-certificate") == 0)
		return flags.asks = TLS13_CLIENT_CERTIFICATE_REQUIRED, true;
	return false;
}

static bool take_text(const char *name, const char *value)
{
	static const struct {
		const char *name;
		const char **text;
	} texts[] = {
		{"cert-file", &flags.certificate},
		{"key-file", &flags.key},
		{"host-name", &flags.name},
		{"expect-server-name", &flags.expect_name},
		{"expect-alpn", &flags.expect_alpn},
		{"export-label", &flags.export_label},
		{"export-context", &flags.export_context},
	};

	for (size_t i = 0; i < nx_array_size(texts); i++) {
		if (strcmp(name, texts[i].name) == 0)
			return *texts[i].text = value, true;
	}
	if (strcmp(name, "advertise-alpn") == 0)
		return split_protocols(value), true;
	if (strcmp(name, "select-alpn") == 0)
		return one_protocol(value), true;
	return strcmp(name, "trust-cert") == 0 || strcmp(name, "read-size") == 0;
}

static bool take_number(const char *name, const char *value)
{
	unsigned long long number = strtoull(value, NULL, 10);

	if (strcmp(name, "port") == 0)
		flags.port = (uint16_t)number;
	else if (strcmp(name, "shim-id") == 0)
		flags.id = number;
	else if (strcmp(name, "resume-count") == 0)
		flags.resumptions = (int)number;
	else if (strcmp(name, "export-keying-material") == 0)
		flags.export_length = (uint32_t)number;
	else if (strcmp(name, "expect-curve-id") == 0)
		flags.expect_group = (uint32_t)number;
	else if (strcmp(name, "expect-peer-signature-algorithm") == 0)
		flags.expect_scheme = (uint32_t)number;
	else if (strcmp(name, "curves") == 0)
		add(&flags.groups, value);
	else if (strcmp(name, "verify-prefs") == 0)
		add(&flags.verify_schemes, value);
	else if (strcmp(name, "signing-prefs") == 0)
		add(&flags.own_schemes, value);
	else if (strcmp(name, "min-version") == 0 || strcmp(name, "max-version") == 0 ||
		 strcmp(name, "expect-version") == 0)
		return number == VERSION_1_3 || strcmp(name, "min-version") == 0;
	else
		return false;
	return true;
}

static void read_flags(int count, char **arguments)
{
	for (int i = 1; i < count; i++) {
		const char *name = arguments[i] + (arguments[i][0] == '-' ? 1 : 0);

		if (strcmp(name, "is-handshaker-supported") == 0) {
			puts("No");
			exit(0);
		}
		if (take_switch(name))
			continue;
		if (i + 1 == count || (!take_text(name, arguments[i + 1]) &&
					      !take_number(name, arguments[i + 1])))
			end(EXIT_UNIMPLEMENTED, "unknown flag %s", name);
		i++;
	}
}

static struct tls13_identity *load_identity(void)
{
	FILE *chain_file = fopen(flags.certificate, "r"), *key_file = fopen(flags.key, "r");
	X509 *chain[TLS13_CHAIN_MAX];
	struct tls13_identity *identity;
	EVP_PKEY *key;
	size_t n = 0;

	if (chain_file == NULL || key_file == NULL)
		end(1, "no certificate");
	while (n < TLS13_CHAIN_MAX && (chain[n] = PEM_read_X509(chain_file, NULL, NULL, NULL)))
		n++;
	key = PEM_read_PrivateKey(key_file, NULL, NULL, NULL);
	if (key == NULL || tls13_identity_create(key, chain, n, NULL, 0, &identity) != 0)
		end(EXIT_UNIMPLEMENTED, "a certificate of another kind");
	return identity;
}

static struct tls13_list list_of(const struct numbers *numbers)
{
	return (struct tls13_list){.values = numbers->values, .count = numbers->count};
}

// Only what the engine speaks; another group or scheme is a test of what is not there.
static void check_lists(void)
{
	for (size_t i = 0; i < flags.groups.count; i++) {
		if (!group_is_known(flags.groups.values[i]))
			end(EXIT_UNIMPLEMENTED, "group %u", flags.groups.values[i]);
	}
	for (size_t i = 0; i < flags.own_schemes.count; i++) {
		if (!scheme_is_known(flags.own_schemes.values[i]))
			end(EXIT_UNIMPLEMENTED, "scheme %u", flags.own_schemes.values[i]);
	}
}

static void configure(void)
{
	static const uint8_t ticket_keys[1][TLS13_TICKET_KEY_BYTES] = {{42}};
	static const struct tls13_identity *identity;
	struct tls13_library *library;

	check_lists();
	if (tls13_library_create(&library) != 0)
		end(1, "libcrypto");
	browser = tls13_browser_plain;
	if (flags.groups.count != 0) {
		browser.groups = list_of(&flags.groups);
		browser.shares = (struct tls13_list){.values = flags.groups.values, .count = 1};
	}
	if (flags.verify_schemes.count != 0)
		browser.schemes = list_of(&flags.verify_schemes);
	config = (struct tls13_config){.library = library,
		.groups = list_of(&flags.groups),
		.schemes = list_of(&flags.own_schemes),
		.accepted = list_of(&flags.verify_schemes),
		.browser = &browser,
		.insecure = true,
		.alpn = flags.protocol_list,
		.alpn_count = flags.protocol_count,
		.client_certificate = flags.asks,
		.ticket_keys = ticket_keys,
		.ticket_key_count = flags.no_ticket ? 0 : 1,
		.tickets = 2};
	if (flags.certificate != NULL && flags.key != NULL) {
		identity = load_identity();
		config.identities = &identity;
		config.identity_count = 1;
	}
	records.buffers = &buffer_heap_source;
	if (crypto_manager_create(&records.crypto) != 0 ||
		key_cache_create(records.crypto, 8, &records.keys) != 0)
		end(1, "ipsec-mb");
}

static int dial(void)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(flags.port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(flags.port)};
	const struct sockaddr *to =
		flags.ipv6 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4;
	int fd = socket(flags.ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
	uint64_t id = htole64(flags.id);

	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	v6.sin6_addr = in6addr_loopback;
	if (fd < 0 || connect(fd, to, flags.ipv6 ? sizeof(v6) : sizeof(v4)) != 0 ||
		write(fd, &id, sizeof(id)) != sizeof(id))
		end(1, "the runner does not answer");
	return fd;
}

static void send_all(int fd, const uint8_t *bytes, size_t n)
{
	for (ssize_t sent; n != 0; bytes += sent, n -= (size_t)sent) {
		sent = send(fd, bytes, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return; // the runner has its own opinion of that
	}
}

static void flush(int fd, struct tls13_stream *s)
{
	const uint8_t *bytes;
	size_t n = tls13_stream_output(s, &bytes);

	send_all(fd, bytes, n);
	tls13_stream_sent(s, n);
}

static int64_t now_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

static void on_ticket(void *user, const uint8_t *bytes, size_t length)
{
	memcpy(session, bytes, length);
	session_length = length;
}

static void fail(int fd, enum tls13_verdict v)
{
	// The alert must arrive before the reset that unread bytes cause.
	shutdown(fd, SHUT_WR);
	for (uint8_t rest[4096]; recv(fd, rest, sizeof(rest), 0) > 0;)
		;
	end(1, "%s", tls13_verdict_text(v));
}

static void push(struct tls_records *t, const uint8_t *bytes, size_t n)
{
	for (size_t at = 0, part; at < n; at += part) {
		struct buffer *b = buffer_heap_get(&buffer_heap_source, PIECE);

		part = n - at < PIECE ? n - at : PIECE;
		memcpy(buffer_data(b), bytes + at, part);
		b->length = (uint16_t)part;
		b->total_length = (uint32_t)part;
		tls_push(&records, t, b);
	}
}

// Until complete; what came behind the handshake is in *t.
static void handshake(int fd, struct tls13_stream *s, struct tls_records *t)
{
	static uint8_t bytes[65536];
	enum tls13_verdict v = flags.server ? TLS13_OK : tls13_stream_begin(s, now_ms());
	struct tls13_stream_key in, out;
	struct tls_secret from = {0}, to = {0};
	size_t taken = 0;
	ssize_t got = 0;

	flush(fd, s);
	while (v == TLS13_OK && !tls13_stream_is_complete(s)) {
		got = recv(fd, bytes, sizeof(bytes), 0);
		if (got <= 0)
			end(1, "the stream ended inside the handshake");
		v = tls13_stream_input(s, bytes, (size_t)got, now_ms(), &taken);
		flush(fd, s);
	}
	if (v != TLS13_OK)
		fail(fd, v);
	tls13_stream_keys(s, &in, &out);
	memcpy(from.secret, in.secret.bytes, in.secret.length);
	memcpy(to.secret, out.secret.bytes, out.secret.length);
	from.sequence = in.sequence;
	to.sequence = out.sequence;
	if (tls_records_init(
		    &records, !flags.server, TLS_VERSION_1_3, in.secret.suite, &from, &to, t) != 0)
		end(1, "records");
	push(t, bytes + taken, (size_t)got - taken);
}

static void check(struct tls13_stream *s, bool again)
{
	struct tls13_summary summary;

	tls13_summary(tls13_stream_engine(s), &summary);
	if (again && summary.resumed == flags.expect_miss)
		end(1, summary.resumed ? "resumed" : "not resumed");
	if (flags.expect_alpn != NULL && strcmp(flags.expect_alpn, summary.alpn) != 0)
		end(1, "protocol %s", summary.alpn);
	if (flags.expect_name != NULL && strcmp(flags.expect_name, summary.name) != 0)
		end(1, "name %s", summary.name);
	if (flags.expect_group != 0 && summary.group != flags.expect_group)
		end(1, "group %u", summary.group);
	if (flags.expect_scheme != 0 && !summary.resumed && summary.scheme != flags.expect_scheme)
		end(1, "scheme %u", summary.scheme);
	if ((flags.expect_hrr && !summary.retried) || (flags.expect_no_hrr && summary.retried))
		end(1, "retry");
}

static void emit(int fd, struct buffer *chain)
{
	for (struct buffer *b = chain; b != NULL; b = b->next)
		send_all(fd, buffer_data(b), b->length);
	if (chain != NULL)
		buffer_heap_put(&buffer_heap_source, chain);
}

static void say(int fd, struct tls_records *t, const uint8_t *bytes, size_t n)
{
	for (size_t at = 0, part; at < n; at += part) {
		struct buffer *data = buffer_heap_get(&buffer_heap_source, PIECE), *out;

		part = n - at < PIECE ? n - at : PIECE;
		memcpy(buffer_data(data), bytes + at, part);
		data->length = (uint16_t)part;
		data->total_length = (uint32_t)part;
		if (tls_seal(&records, t, 1400, 0, &data, &out) != TLS_SEALED)
			end(1, "sealing");
		emit(fd, out);
	}
}

static void say_exported(int fd, struct tls13_stream *s, struct tls_records *t)
{
	const char *context = flags.export_context != NULL ? flags.export_context : "";
	const char *label = flags.export_label != NULL ? flags.export_label : "";
	uint8_t material[1024];

	if (flags.export_length == 0 || flags.export_length > sizeof(material))
		return;
	if (tls13_export(tls13_stream_engine(s), label, (const uint8_t *)context, strlen(context),
		    material, flags.export_length) != TLS13_OK)
		end(1, "exporter");
	say(fd, t, material, flags.export_length);
}

// Takes what the record layer has: data goes back inverted, messages to the engine.
static enum tls_verdict serve(int fd, struct tls13_stream *s, struct tls_records *t)
{
	struct buffer *chain, *out;
	enum tls_verdict v;

	while ((v = tls_next(&records, t, &chain)) == TLS_DATA || v == TLS_MESSAGE) {
		for (struct buffer *b = chain; b != NULL; b = b->next) {
			uint8_t *data = buffer_data(b);
			enum tls13_verdict said = TLS13_OK;

			if (v == TLS_MESSAGE)
				said = tls13_input(tls13_stream_engine(s), TLS13_APPLICATION, data,
					b->length, now_ms());
			for (uint16_t i = 0; v == TLS_DATA && i < b->length; i++)
				data[i] ^= 0xff;
			if (v == TLS_DATA)
				say(fd, t, data, b->length);
			if (said == TLS13_OK)
				continue;
			if (tls_send_alert(&records, t, (enum tls_alert)tls13_verdict_alert(said),
				    &out) == TLS_SEALED)
				emit(fd, out);
			fail(fd, said);
		}
		buffer_heap_put(&buffer_heap_source, chain);
	}
	return v;
}

static void talk(int fd, struct tls13_stream *s, struct tls_records *t)
{
	static uint8_t bytes[65536];
	struct buffer *out;
	enum tls_verdict v;
	ssize_t got = 1;

	while ((v = serve(fd, s, t)) == TLS_WANT_MORE && got > 0) {
		if (tls_seal_due(t)) {
			struct buffer *none = NULL;

			if (tls_seal(&records, t, 1400, 0, &none, &out) == TLS_SEALED)
				emit(fd, out);
		}
		got = recv(fd, bytes, sizeof(bytes), 0);
		if (got > 0)
			push(t, bytes, (size_t)got);
	}
	if (v == TLS_CLOSED || v == TLS_WANT_MORE) {
		if (v == TLS_WANT_MORE && flags.check_close)
			end(1, "no close_notify");
		if (tls_close(&records, t, &out) == TLS_SEALED)
			emit(fd, out);
		return;
	}
	if (tls_verdict_alert(v) != TLS_ALERT_NONE &&
		tls_send_alert(&records, t, tls_verdict_alert(v), &out) == TLS_SEALED)
		emit(fd, out);
	shutdown(fd, SHUT_WR);
	for (uint8_t rest[4096]; recv(fd, rest, sizeof(rest), 0) > 0;)
		;
	end(1, "%s", tls_verdict_text(v));
}

static void connection(bool again)
{
	struct tls13_events events = {.ticket = flags.no_ticket ? NULL : on_ticket};
	struct tls13_start start = {.events = &events, .name = flags.name};
	struct tls13_stream *s;
	struct tls_records t;
	struct buffer *out;
	int fd = dial();

	if (again && !flags.server) {
		start.session = session;
		start.session_length = session_length;
	}
	if (tls13_stream_create(&config, !flags.server, &start, &s) != 0)
		end(EXIT_UNIMPLEMENTED, "a configuration that the engine does not take");
	handshake(fd, s, &t);
	check(s, again);
	if (flags.update)
		tls_update_key(&t, false);
	say_exported(fd, s, &t);
	if (flags.writes_first)
		say(fd, &t, (const uint8_t *)"hello", 5);
	if (flags.shuts_down && tls_close(&records, &t, &out) == TLS_SEALED)
		emit(fd, out);
	else
		talk(fd, s, &t);
	tls_records_fini(&records, &t);
	tls13_stream_destroy(s);
	close(fd);
}

int main(int count, char **arguments)
{
	read_flags(count, arguments);
	configure();
	for (int i = 0; i <= flags.resumptions; i++)
		connection(i != 0);
	return 0;
}
