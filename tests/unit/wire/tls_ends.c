// SPDX-License-Identifier: BSD-3-Clause
#include "tls_ends.h"

#include <string.h>

#include "tls_identity.h"

static void must(bool done)
{
	if (!done)
		abort();
}

static struct tls_identity *identity_of_all(void)
{
	static struct tls_identity identity;

	if (identity.key == NULL)
		tls_identity_make(&identity, "localhost", NULL);
	return &identity;
}

static void peer_make(struct tls_ends *ends, const struct tls_ends_config *config)
{
	SSL_CTX *context =
		SSL_CTX_new(config->is_server ? TLS_client_method() : TLS_server_method());
	int version = config->is_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;

	must(SSL_CTX_set_min_proto_version(context, version) &&
		SSL_CTX_set_max_proto_version(context, version));
	if (config->suite != NULL)
		must(config->is_tls12 ? SSL_CTX_set_cipher_list(context, config->suite)
				      : SSL_CTX_set_ciphersuites(context, config->suite));
	if (!config->is_server)
		must(SSL_CTX_use_certificate(context, identity_of_all()->certificate) &&
			SSL_CTX_use_PrivateKey(context, identity_of_all()->key));
	ends->peer_context = context;
	ends->peer = SSL_new(context);
	SSL_set_bio(ends->peer, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	if (config->is_server)
		SSL_set_connect_state(ends->peer);
	else
		SSL_set_accept_state(ends->peer);
}

static void ours_make(struct tls_ends *ends, const struct tls_ends_config *config)
{
	const char *path = identity_of_all()->path;
	struct nx_tls_config ours = {.danger_no_verify = true};

	if (config->is_server)
		ours = (struct nx_tls_config){
			.role = NX_TLS_SERVER, .certificate_file = path, .key_file = path};
	ends->context = nx_tls_context_create(&ours, NULL, 0);
	ends->ours = nx_tls_create(ends->context, "localhost", 0);
	must(ends->ours != NULL);
	// Its buffers lie where the way wants them.
	nx_read_buffer_fini(nx_tls_input(ends->ours));
	feed_begin(&ends->feed, nx_tls_input(ends->ours), &config->way);
	nx_write_buffer_fini(nx_tls_output(ends->ours));
	ends->output = malloc(config->way.shift + config->way.slab);
	must(nx_write_buffer_init(nx_tls_output(ends->ours), ends->output + config->way.shift,
		     config->way.slab, 0) == NX_BUFFER_OK);
}

void tls_ends_begin(struct tls_ends *ends, const struct tls_ends_config *config)
{
	*ends = (struct tls_ends){0};
	peer_make(ends, config);
	ours_make(ends, config);
}

void tls_ends_end(struct tls_ends *ends)
{
	nx_tls_destroy(ends->ours);
	nx_tls_context_destroy(ends->context);
	feed_end(&ends->feed);
	free(ends->output);
	SSL_free(ends->peer);
	SSL_CTX_free(ends->peer_context);
}

void tls_ends_send(struct tls_ends *ends)
{
	struct nx_write_buffer *out = nx_tls_output(ends->ours);
	size_t n = nx_write_buffer_length(out);

	if (n > 0)
		must(BIO_write(SSL_get_rbio(ends->peer), nx_write_buffer_data(out), (int)n) ==
			(int)n);
	must(nx_write_buffer_sent(out, n) == NX_BUFFER_OK);
}

bool tls_ends_receive(struct tls_ends *ends)
{
	BIO *bio = SSL_get_wbio(ends->peer);
	static uint8_t passed[FEED_LARGE];
	char *bytes;
	long length = BIO_get_mem_data(bio, &bytes);

	ends->feed.bytes = (const uint8_t *)bytes;
	ends->feed.left = length > 0 ? (size_t)length : 0;
	if (!feed_more(&ends->feed))
		return false;
	length -= (long)ends->feed.left;
	must(BIO_read(bio, passed, (int)length) == length);
	return true;
}

void tls_ends_receive_all(struct tls_ends *ends)
{
	while (tls_ends_receive(ends))
		continue;
}

enum nx_tls_verdict tls_ends_shake(struct tls_ends *ends)
{
	enum nx_tls_verdict verdict;
	bool has_come;

	do {
		verdict = nx_tls_handshake(ends->ours);
		tls_ends_send(ends);
		has_come = verdict == NX_TLS_MORE && tls_ends_receive(ends);
		if (!has_come)
			(void)!SSL_do_handshake(ends->peer);
	} while (verdict == NX_TLS_MORE && (has_come || tls_ends_receive(ends)));
	return verdict == NX_TLS_DONE && !SSL_is_init_finished(ends->peer) ? NX_TLS_FAILED
									   : verdict;
}

enum nx_tls_verdict tls_ends_read(struct tls_ends *ends, void *data, size_t room, size_t *n)
{
	enum nx_tls_verdict verdict;

	do {
		verdict = nx_tls_read(ends->ours, data, room, n);
		tls_ends_send(ends);
	} while (verdict == NX_TLS_MORE && tls_ends_receive(ends));
	return verdict;
}
