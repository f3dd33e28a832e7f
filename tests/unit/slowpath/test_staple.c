// SPDX-License-Identifier: BSD-3-Clause
// OCSP responses: which are taken, and that a client who asks gets them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <unistd.h>

#include "certificate.h"
#include "peer.h"

static struct test_certificate ours, others;
static char path[128], error[400];

static int set_up(void **state)
{
	test_certificate_make("DNS:www.example.org", &ours);
	test_certificate_make("DNS:other.example.org", &others);
	snprintf(path, sizeof(path), "%s/staple", ours.folder);
	return 0;
}

static int tear_down(void **state)
{
	unlink(path);
	test_certificate_remove(&ours);
	test_certificate_remove(&others);
	return 0;
}

static void load(const struct test_certificate *from, X509 **x, EVP_PKEY **key)
{
	FILE *file = fopen(from->certificate, "re");

	*x = PEM_read_X509(file, NULL, NULL, NULL);
	fclose(file);
	file = fopen(from->key, "re");
	*key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
	fclose(file);
}

// A response about a certificate, by another's key, with a status, from and until so many seconds
// from now (0: it does not say).
static void respond(const struct test_certificate *about, const struct test_certificate *signer,
	int status, int from_s, int until_s)
{
	X509 *x, *by;
	EVP_PKEY *unused, *key;
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	ASN1_TIME *since = X509_gmtime_adj(NULL, from_s);
	ASN1_TIME *until = until_s ? X509_gmtime_adj(NULL, until_s) : NULL;
	ASN1_TIME *revoked = status == V_OCSP_CERTSTATUS_REVOKED ? since : NULL;
	FILE *file = fopen(path, "we");

	load(about, &x, &unused);
	load(signer, &by, &key);
	OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), x, x);

	assert_non_null(OCSP_basic_add1_status(basic, id, status, 0, revoked, since, until));
	assert_int_equal(OCSP_basic_sign(basic, by, key, EVP_sha256(), NULL, 0), 1);
	OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);

	assert_int_equal(ASN1_item_i2d_fp(ASN1_ITEM_rptr(OCSP_RESPONSE), file, response), 1);
	fclose(file);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(since);
	ASN1_TIME_free(until);
	X509_free(x);
	X509_free(by);
	EVP_PKEY_free(unused);
	EVP_PKEY_free(key);
}

static struct tls_profile *profile_make(void)
{
	struct tls_certificate c = {
		.name = "www", .certificate = ours.certificate, .key = ours.key, .ocsp = path};
	struct tls_profile *p;

	assert_int_equal(tls_profile_create(&c, 1, NULL, &p, error, sizeof(error)), 0);
	return p;
}

// How many bytes of a response a client of this version gets.
static long stapled(const struct tls_profile *profile, int version, bool asks)
{
	const unsigned char *bytes;
	struct tls_handshake *h;
	struct peer p;
	uint64_t sent = 0;
	long length;

	assert_int_equal(tls_handshake_create(profile, &h), 0);
	peer_open(&p, version, NULL, "www.example.org", NULL);
	if (asks)
		SSL_set_tlsext_status_type(p.ssl, TLSEXT_STATUSTYPE_ocsp);
	assert_int_equal(peer_shake(&p, h, 4096, &sent), TLS_HANDSHAKE_DONE);
	length = SSL_get_tlsext_status_ocsp_resp(p.ssl, &bytes);
	peer_close(&p);
	tls_handshake_destroy(h);
	return length;
}

static void a_good_response_is_sent_to_who_asks(void **state)
{
	struct tls_profile *p;

	respond(&ours, &ours, V_OCSP_CERTSTATUS_GOOD, -60, 3600);
	p = profile_make();
	assert_string_equal(tls_profile_note(p, 0), "");
	assert_true(stapled(p, TLS1_2_VERSION, true) > 100);
	assert_true(stapled(p, TLS1_3_VERSION, true) > 100);
	assert_int_equal(stapled(p, TLS1_3_VERSION, false), -1);
	tls_profile_destroy(p);
	// One that names no end is good as long as its file lies there.
	respond(&ours, &ours, V_OCSP_CERTSTATUS_GOOD, -60, 0);
	p = profile_make();
	assert_true(stapled(p, TLS1_3_VERSION, true) > 100);
	tls_profile_destroy(p);
}

static void refused(const char *why)
{
	struct tls_profile *p = profile_make();

	assert_non_null(strstr(tls_profile_note(p, 0), why));
	assert_non_null(strstr(tls_profile_note(p, 0), path));
	// The certificate is served without it.
	assert_int_equal(stapled(p, TLS1_2_VERSION, true), -1);
	assert_int_equal(stapled(p, TLS1_3_VERSION, true), -1);
	tls_profile_destroy(p);
}

static void others_are_refused_with_a_reason(void **state)
{
	respond(&others, &ours, V_OCSP_CERTSTATUS_GOOD, -60, 3600);
	refused("is not about this certificate");
	respond(&ours, &others, V_OCSP_CERTSTATUS_GOOD, -60, 3600);
	refused("is not signed");
	respond(&ours, &ours, V_OCSP_CERTSTATUS_REVOKED, -60, 3600);
	refused("does not say that the certificate is good");
	respond(&ours, &ours, V_OCSP_CERTSTATUS_UNKNOWN, -60, 3600);
	refused("does not say that the certificate is good");
	respond(&ours, &ours, V_OCSP_CERTSTATUS_GOOD, -7200, -3600);
	refused("is out of date");
	respond(&ours, &ours, V_OCSP_CERTSTATUS_GOOD, 3600, 7200);
	refused("is out of date");
}

static void what_is_no_response_is_refused(void **state)
{
	static const uint8_t TRY_LATER[] = {0x30, 3, 0x0a, 1, 3};
	FILE *file = fopen(path, "we");

	fclose(file);
	refused("holds no OCSP response");
	assert_int_equal(truncate(path, 100), 0);
	refused("holds no OCSP response");
	file = fopen(path, "we");
	assert_int_equal(fwrite(TRY_LATER, 1, sizeof(TRY_LATER), file), sizeof(TRY_LATER));
	fclose(file);
	refused("is a responder's error");
	unlink(path);
	refused("holds no OCSP response");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_response_is_sent_to_who_asks),
		cmocka_unit_test(others_are_refused_with_a_reason),
		cmocka_unit_test(what_is_no_response_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
