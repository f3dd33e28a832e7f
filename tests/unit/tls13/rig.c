// SPDX-License-Identifier: BSD-3-Clause
#include "rig.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

struct rig rig;

static void add_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

static X509 *certify(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *x = X509_new();
	X509_NAME *subject = X509_get_subject_name(x);
	time_t now = RIG_NOW_MS / 1000;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), issuer == NULL ? 1 : 2);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0);
	X509_set_issuer_name(x, issuer == NULL ? subject : X509_get_subject_name(issuer));
	X509_time_adj(X509_getm_notBefore(x), -3600, &now);
	X509_time_adj(X509_getm_notAfter(x), 86400, &now);
	X509_set_pubkey(x, key);
	add_extension(x, NID_basic_constraints,
		issuer == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (issuer != NULL)
		add_extension(x, NID_subject_alt_name,
			"DNS:example.test,DNS:*.example.test,IP:192.0.2.1");
	assert_true(X509_sign(x, issuer_key, EVP_sha256()) > 0);
	return x;
}

static EVP_PKEY *generate(enum rig_kind kind)
{
	switch (kind) {
	case RIG_P256:
		return EVP_EC_gen("P-256");
	case RIG_P384:
		return EVP_EC_gen("P-384");
	case RIG_ED25519:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	default:
		return EVP_RSA_gen(2048);
	}
}

int rig_create(void **state)
{
	if (tls13_library_create(&rig.library) != 0)
		return -1;
	rig.root_key = EVP_EC_gen("P-256");
	rig.root = certify(rig.root_key, "root", NULL, rig.root_key);
	rig.roots = X509_STORE_new();
	X509_STORE_add_cert(rig.roots, rig.root);
	for (int i = 0; i < RIG_KINDS; i++) {
		rig.keys[i] = generate(i);
		rig.leaves[i] = certify(rig.keys[i], "example.test", rig.root, rig.root_key);
		if (tls13_identity_create(rig.keys[i], &rig.leaves[i], 1, (const uint8_t *)"staple",
			    6, &rig.identities[i]) != 0)
			return -1;
	}
	return 0;
}

int rig_destroy(void **state)
{
	for (int i = 0; i < RIG_KINDS; i++) {
		tls13_identity_destroy(rig.identities[i]);
		X509_free(rig.leaves[i]);
		EVP_PKEY_free(rig.keys[i]);
	}
	X509_STORE_free(rig.roots);
	X509_free(rig.root);
	EVP_PKEY_free(rig.root_key);
	tls13_library_destroy(rig.library);
	return 0;
}

uint32_t rig_hex(const char *hex, uint8_t *out)
{
	uint32_t n = 0;

	for (unsigned int byte; sscanf(hex, " %2x", &byte) == 1; n++) {
		out[n] = (uint8_t)byte;
		hex += strspn(hex, " ") + 2;
	}
	return n;
}

EVP_PKEY *rig_p256(const uint8_t *private_key, size_t length)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *number = BN_bin2bn(private_key, (int)length, NULL);
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;

	assert_int_equal(
		OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0),
		1);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number), 1);
	params = OSSL_PARAM_BLD_to_param(build);
	assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
	assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(number);
	EVP_PKEY_CTX_free(context);
	return key;
}

static void on_ticket(void *user, const uint8_t *session, size_t length)
{
	struct end *e = user;

	assert_in_range(length, 1, sizeof(e->session));
	memcpy(e->session, session, length);
	e->session_length = length;
	e->tickets++;
}

static void prepare(struct end *e)
{
	*e = (struct end){0};
	e->config.library = rig.library;
	e->events = (struct tls13_events){.user = e, .ticket = on_ticket};
	e->start.events = &e->events;
}

void rig_client(struct end *e)
{
	prepare(e);
	e->config.roots = rig.roots;
	e->start.name = "example.test";
}

void rig_server(struct end *e, enum rig_kind kind)
{
	prepare(e);
	e->identity = rig.identities[kind];
	e->config.identities = &e->identity;
	e->config.identity_count = 1;
}

void rig_open(struct end *e, bool is_client)
{
	assert_int_equal(tls13_stream_create(&e->config, is_client, &e->start, &e->stream), 0);
	if (is_client)
		e->verdict = tls13_stream_begin(e->stream, RIG_NOW_MS);
}

void rig_close(struct end *e)
{
	tls13_stream_destroy(e->stream);
	e->stream = NULL;
}

static bool carry(struct end *from, struct end *to, size_t step)
{
	const uint8_t *bytes;
	size_t n = tls13_stream_output(from->stream, &bytes), taken;

	if (n == 0)
		return false;
	n = step != 0 && step < n ? step : n;
	to->verdict = tls13_stream_input(to->stream, bytes, n, RIG_NOW_MS, &taken);
	tls13_stream_sent(from->stream, n);
	return true;
}

void rig_talk(struct end *client, struct end *server, size_t step)
{
	bool moved = true;

	while (moved) {
		moved = carry(client, server, step);
		moved |= carry(server, client, step);
	}
}

void rig_expect(struct end *client, struct end *server, enum tls13_verdict client_says,
	enum tls13_verdict server_says)
{
	if (client->verdict != client_says || server->verdict != server_says)
		fail_msg("client: %s; server: %s", tls13_verdict_text(client->verdict),
			tls13_verdict_text(server->verdict));
}

void rig_shake(struct end *client, struct end *server)
{
	struct tls13_stream_key in, out, peer_in, peer_out;

	rig_open(client, true);
	rig_open(server, false);
	rig_talk(client, server, 0);
	rig_expect(client, server, TLS13_OK, TLS13_OK);
	assert_true(tls13_stream_is_complete(client->stream));
	assert_true(tls13_stream_is_complete(server->stream));
	tls13_stream_keys(client->stream, &in, &out);
	tls13_stream_keys(server->stream, &peer_in, &peer_out);
	assert_memory_equal(&in.secret, &peer_out.secret, sizeof(in.secret));
	assert_memory_equal(&out.secret, &peer_in.secret, sizeof(in.secret));
}
