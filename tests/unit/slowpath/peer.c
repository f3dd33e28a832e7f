// SPDX-License-Identifier: BSD-3-Clause
#include "peer.h"

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct peer *p = SSL_get_app_data(ssl);

	SSL_SESSION_free(p->session);
	p->session = session;
	return 1;
}

void peer_open(
	struct peer *p, int version, const char *suites, const char *host, SSL_SESSION *session)
{
	*p = (struct peer){.context = SSL_CTX_new(TLS_client_method())};
	SSL_CTX_set_min_proto_version(p->context, version);
	SSL_CTX_set_max_proto_version(p->context, version);
	SSL_CTX_set_session_cache_mode(
		p->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(p->context, on_session);
	nx_bug_on(suites &&
		  (version == TLS1_3_VERSION ? SSL_CTX_set_ciphersuites(p->context, suites)
					     : SSL_CTX_set_cipher_list(p->context, suites)) != 1);
	p->ssl = SSL_new(p->context);
	p->in = BIO_new(BIO_s_mem());
	p->out = BIO_new(BIO_s_mem());
	SSL_set_app_data(p->ssl, p);
	SSL_set_bio(p->ssl, p->in, p->out);
	SSL_set_connect_state(p->ssl);
	if (host)
		(void)SSL_ctrl(p->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
			(void *)(uintptr_t)host);
	if (session)
		SSL_set_session(p->ssl, session);
}

void peer_close(struct peer *p)
{
	// Without an end of the connection its session counts as broken.
	SSL_set_shutdown(p->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_SESSION_free(p->session);
	SSL_free(p->ssl);
	SSL_CTX_free(p->context);
}

enum tls_handshake_state peer_shake(
	struct peer *p, struct tls_handshake *h, size_t piece, uint64_t *sent)
{
	enum tls_handshake_state state = TLS_HANDSHAKE_GOES_ON;
	uint8_t bytes[8192];
	bool spoke = false;
	int n;

	for (int i = 0; i < 20 && state == TLS_HANDSHAKE_GOES_ON; i++) {
		if (SSL_do_handshake(p->ssl) == 1 && !spoke)
			spoke = SSL_write(p->ssl, "early bird", 10) == 10;
		n = BIO_read(p->out, bytes, sizeof(bytes));
		for (int at = 0; at < n; at += (int)piece) {
			size_t length = (size_t)(n - at) < piece ? (size_t)(n - at) : piece;

			*sent += length;
			state = tls_handshake_input(h, bytes + at, length);
		}
		size_t out;

		while ((out = tls_handshake_output(h, bytes, sizeof(bytes))) > 0)
			nx_bug_on(BIO_write(p->in, bytes, (int)out) != (int)out);
	}
	(void)SSL_read(p->ssl, bytes, sizeof(bytes));
	return state;
}
