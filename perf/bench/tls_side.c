// SPDX-License-Identifier: BSD-3-Clause

#include "bench/tls_side.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "bench/reality_peers.h"
#include "slowpath/service.h"
#include "slowpath/tls/client_profile.h"
#include "slowpath/tls/engine.h"
#include "slowpath/tls/profile.h"

enum {
	// As nexpathd has them when its configuration says nothing.
	HANDSHAKES = 2048,
	HANDSHAKES_PER_SOURCE = 512,
	SOURCE_RATE = 1000,
	DAY_SECONDS = 86400,
	PATH_BYTES = 64,
};

struct tls_side {
	struct reality_peers *reality; // NULL: TLS
	struct slowpath *slowpath;
	SSL_CTX *contexts[2]; // by enum tls_role
	char folder[PATH_BYTES];
	char certificate[PATH_BYTES + 16];
	char key[PATH_BYTES + 16];
	char error[512];
};

struct tls_end {
	struct reality_end *reality; // a client that speaks it has nothing else
	SSL *ssl;
	BIO *in, *out; // the connection's
};

static EVP_PKEY *certificate_make(X509 *x)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509_NAME *name = X509_get_subject_name(x);

	if (!key || X509_set_version(x, X509_VERSION_3) != 1 ||
		ASN1_INTEGER_set(X509_get_serialNumber(x), 1) != 1 ||
		!X509_gmtime_adj(X509_getm_notBefore(x), 0) ||
		!X509_gmtime_adj(X509_getm_notAfter(x), DAY_SECONDS) ||
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
			(const unsigned char *)"bench.example.org", -1, -1, 0) != 1 ||
		X509_set_issuer_name(x, name) != 1 || X509_set_pubkey(x, key) != 1 ||
		X509_sign(x, key, EVP_sha256()) == 0)
		bench_fail("no certificate can be made");
	return key;
}

static FILE *file_for(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (!file)
		bench_fail("%s: cannot be written", path);
	return file;
}

// The profile of a server reads files.
static void files_write(struct tls_side *side)
{
	X509 *x = X509_new();

	snprintf(side->folder, sizeof(side->folder), "/tmp/nexpath-bench-XXXXXX");
	if (!x || !mkdtemp(side->folder))
		bench_fail("%s: cannot be made", side->folder);
	snprintf(side->certificate, sizeof(side->certificate), "%s/certificate.pem", side->folder);
	snprintf(side->key, sizeof(side->key), "%s/key.pem", side->folder);
	EVP_PKEY *key = certificate_make(x);
	FILE *certificate = file_for(side->certificate), *private = file_for(side->key);
	bool done = PEM_write_X509(certificate, x) == 1 &&
		    PEM_write_PrivateKey(private, key, NULL, NULL, 0, NULL, NULL) == 1;

	done = fclose(certificate) == 0 && done;
	if (fclose(private) != 0 || !done)
		bench_fail("%s: cannot be written", side->folder);
	EVP_PKEY_free(key);
	X509_free(x);
}

static void files_remove(const struct tls_side *side)
{
	unlink(side->certificate);
	unlink(side->key);
	rmdir(side->folder);
}

static uint32_t listener_profile_add(struct tls_side *side)
{
	struct tls_certificate certificate = {
		.name = "bench", .certificate = side->certificate, .key = side->key};
	struct tls_profile *server;

	if (side->reality)
		return slowpath_profile_add(
			side->slowpath, &reality_server_kind, reality_peers_profile(side->reality));
	if (tls_profile_create(&certificate, 1, NULL, &server, side->error, sizeof(side->error)) !=
		0)
		bench_fail("%s", side->error);
	return slowpath_profile_add(side->slowpath, &tls_server_kind, server);
}

static void profiles_add(struct tls_side *side)
{
	struct tls_client_settings settings = {.name = "bench", .insecure = true};
	struct tls_client_profile *client;

	if (tls_client_profile_create(&settings, &client, side->error, sizeof(side->error)) != 0)
		bench_fail("%s", side->error);
	if (slowpath_profile_add(side->slowpath, &tls_client_kind, client) !=
			RIG_UPSTREAM_PROFILE ||
		listener_profile_add(side) != RIG_LISTENER_PROFILE)
		bench_fail("the slow path numbers its profiles in another way");
}

// Another CPU than the worker's, which this process is pinned to.
static void cpu_choose(struct slowpath_config *config, int16_t *cpu)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	*cpu = sched_getcpu() == 0 ? 1 : 0;
	config->cpus = cpu;
	config->cpu_count = 1;
}

// The node is turned by hand: it looks at its rings in each turn.
static void wake(void *context, uint32_t worker)
{
}

static void contexts_create(struct tls_side *side)
{
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());
	SSL_CTX *server = SSL_CTX_new(TLS_server_method());

	if (!client || !server ||
		SSL_CTX_use_certificate_chain_file(server, side->certificate) != 1 ||
		SSL_CTX_use_PrivateKey_file(server, side->key, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_set_ciphersuites(server, "TLS_AES_128_GCM_SHA256") != 1 ||
		SSL_CTX_set_num_tickets(server, 0) != 1)
		bench_fail("no TLS for the far ends");
	side->contexts[TLS_ROLE_CLIENT] = client;
	side->contexts[TLS_ROLE_SERVER] = server;
}

struct tls_side *tls_side_create(const struct tls_side_options *options)
{
	struct tls_side *side = calloc(1, sizeof(*side));
	uint32_t rate = options && options->source_rate ? options->source_rate : SOURCE_RATE;
	struct slowpath_config config = {.workers = 1,
		.threads = 1,
		.timeout = options ? options->seconds * USEC_PER_SECOND : 0,
		.admission = {.handshakes = HANDSHAKES,
			.handshakes_per_source = HANDSHAKES_PER_SOURCE,
			.rate = rate,
			.burst = rate}};
	int16_t cpu;

	if (!side)
		bench_fail("out of memory");
	side->reality = options ? options->reality : NULL;
	cpu_choose(&config, &cpu);
	files_write(side);
	contexts_create(side);
	if (slowpath_create(&config, &side->slowpath, side->error, sizeof(side->error)) != 0)
		bench_fail("%s", side->error);
	profiles_add(side);
	if (slowpath_start(side->slowpath, NULL, wake, side->error, sizeof(side->error)) != 0)
		bench_fail("%s", side->error);
	return side;
}

void tls_side_destroy(struct tls_side *side)
{
	slowpath_stop(side->slowpath);
	slowpath_destroy(side->slowpath);
	SSL_CTX_free(side->contexts[TLS_ROLE_CLIENT]);
	SSL_CTX_free(side->contexts[TLS_ROLE_SERVER]);
	files_remove(side);
	free(side);
}

const struct slow_links *tls_side_links(const struct tls_side *side)
{
	return slowpath_links(side->slowpath);
}

json_t *tls_side_counts(const struct tls_side *side)
{
	struct slowpath_counts counts;

	slowpath_count(side->slowpath, &counts);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "done", (json_int_t)counts.done,
		"spliced", (json_int_t)counts.spliced, "failed", (json_int_t)counts.failed,
		"refused", (json_int_t)counts.refused, "crowded", (json_int_t)counts.crowded,
		"forgotten", (json_int_t)counts.forgotten);
}

struct tls_end *tls_end_create(struct tls_side *side, enum tls_role role)
{
	struct tls_end *end = calloc(1, sizeof(*end));

	if (end && role == TLS_ROLE_CLIENT && side->reality) {
		end->reality = reality_end_create(side->reality);
		return end;
	}
	if (!end || !(end->ssl = SSL_new(side->contexts[role])) ||
		!(end->in = BIO_new(BIO_s_mem())) || !(end->out = BIO_new(BIO_s_mem())))
		bench_fail("out of memory for an end that speaks TLS");
	SSL_set_bio(end->ssl, end->in, end->out);
	if (role == TLS_ROLE_CLIENT)
		SSL_set_connect_state(end->ssl);
	else
		SSL_set_accept_state(end->ssl);
	return end;
}

void tls_end_destroy(struct tls_end *end)
{
	if (!end)
		return;
	if (end->reality)
		reality_end_destroy(end->reality);
	SSL_free(end->ssl);
	free(end);
}

bool tls_end_take(struct tls_end *end, const uint8_t *bytes, uint32_t length)
{
	if (end->reality)
		return reality_end_take(end->reality, bytes, length);
	return BIO_write(end->in, bytes, (int)length) == (int)length;
}

uint32_t tls_end_give(struct tls_end *end, uint8_t *bytes, uint32_t room)
{
	if (end->reality)
		return reality_end_give(end->reality, bytes, room);
	int n = BIO_read(end->out, bytes, (int)room);

	return n > 0 ? (uint32_t)n : 0;
}

bool tls_end_is_secured(struct tls_end *end)
{
	if (end->reality)
		return reality_end_is_secured(end->reality);
	return SSL_is_init_finished(end->ssl) || SSL_do_handshake(end->ssl) == 1;
}

void tls_end_write(struct tls_end *end, const uint8_t *bytes, uint32_t length)
{
	if (end->reality) {
		reality_end_write(end->reality, bytes, length);
		return;
	}
	if (SSL_write(end->ssl, bytes, (int)length) != (int)length)
		bench_fail("an end that speaks TLS cannot write");
}

uint32_t tls_end_read(struct tls_end *end, uint8_t *bytes, uint32_t room)
{
	if (end->reality)
		return reality_end_read(end->reality, bytes, room);
	int n = SSL_read(end->ssl, bytes, (int)room);

	return n > 0 ? (uint32_t)n : 0;
}
