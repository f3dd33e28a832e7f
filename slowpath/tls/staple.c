// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/tls/staple.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

enum {
	CLOCK_SLACK_S = 300,
	FILE_BYTES_MAX = 65536, // no handshake message is to grow beyond a few records
};

struct staple {
	uint8_t *bytes;
	int length;
	time_t good_until; // 0: it does not say
};

static enum staple_verdict response_read(const char *path, OCSP_RESPONSE **out)
{
	BIO *file = BIO_new_file(path, "rb");

	*out = file ? d2i_OCSP_RESPONSE_bio(file, NULL) : NULL;
	BIO_free(file);
	return *out ? STAPLE_GOOD : STAPLE_UNREADABLE;
}

// The issuer's certificate, where the chain has it.
static X509 *issuer_of(SSL_CTX *context, X509 *certificate)
{
	STACK_OF(X509) *chain = NULL;

	SSL_CTX_get0_chain_certs(context, &chain);
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (X509_check_issued(sk_X509_value(chain, i), certificate) == X509_V_OK)
			return sk_X509_value(chain, i);
	return X509_check_issued(certificate, certificate) == X509_V_OK ? certificate : NULL;
}

// RFC 6960 4.1.1: a certificate's serial, with digests of its issuer's name and key.
static bool is_about(OCSP_SINGLERESP *answer, X509 *certificate, X509 *issuer)
{
	OCSP_CERTID *id = (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(answer);
	uint8_t name[EVP_MAX_MD_SIZE];
	ASN1_OCTET_STRING *name_digest, *key_digest;
	ASN1_INTEGER *serial;
	ASN1_OBJECT *algorithm;
	unsigned int length;
	const EVP_MD *md;

	if (!OCSP_id_get0_info(&name_digest, &algorithm, &key_digest, &serial, id) ||
		ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(certificate)) != 0)
		return false;
	md = EVP_get_digestbyobj(algorithm);
	if (!md || X509_NAME_digest(X509_get_issuer_name(certificate), md, name, &length) != 1 ||
		ASN1_STRING_length(name_digest) != (int)length ||
		memcmp(ASN1_STRING_get0_data(name_digest), name, length) != 0)
		return false;
	if (!issuer)
		return true;
	return X509_pubkey_digest(issuer, md, name, &length) == 1 &&
	       ASN1_STRING_length(key_digest) == (int)length &&
	       memcmp(ASN1_STRING_get0_data(key_digest), name, length) == 0;
}

static OCSP_SINGLERESP *answer_about(OCSP_BASICRESP *basic, X509 *certificate, X509 *issuer)
{
	for (int i = 0; i < OCSP_resp_count(basic); i++)
		if (is_about(OCSP_resp_get0(basic, i), certificate, issuer))
			return OCSP_resp_get0(basic, i);
	return NULL;
}

static bool is_signed(OCSP_BASICRESP *basic, X509 *issuer)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *others = sk_X509_new_null();
	bool is = false;

	if (store && others && sk_X509_push(others, issuer) > 0 &&
		X509_STORE_add_cert(store, issuer) == 1 &&
		X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1)
		is = OCSP_basic_verify(basic, others, store, 0) == 1;
	sk_X509_free(others);
	X509_STORE_free(store);
	return is;
}

static enum staple_verdict answer_judge(OCSP_SINGLERESP *answer, time_t *good_until)
{
	ASN1_GENERALIZEDTIME *since, *until;
	struct tm end;

	if (OCSP_single_get0_status(answer, NULL, NULL, &since, &until) != V_OCSP_CERTSTATUS_GOOD)
		return STAPLE_REVOKED;
	if (OCSP_check_validity(since, until, CLOCK_SLACK_S, -1) != 1)
		return STAPLE_OUTDATED;
	*good_until = until && ASN1_TIME_to_tm(until, &end) == 1 ? timegm(&end) : 0;
	return STAPLE_GOOD;
}

static enum staple_verdict judge(OCSP_RESPONSE *response, SSL_CTX *context, time_t *good_until)
{
	X509 *certificate = SSL_CTX_get0_certificate(context);
	X509 *issuer = issuer_of(context, certificate);
	OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
	OCSP_SINGLERESP *answer = basic ? answer_about(basic, certificate, issuer) : NULL;
	enum staple_verdict verdict;

	if (!basic || OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		verdict = STAPLE_UNSUCCESSFUL;
	else if (!answer)
		verdict = STAPLE_OTHER;
	else if (issuer && !is_signed(basic, issuer))
		verdict = STAPLE_UNSIGNED;
	else
		verdict = answer_judge(answer, good_until);
	OCSP_BASICRESP_free(basic);
	return verdict;
}

static enum staple_verdict staple_make(
	OCSP_RESPONSE *response, time_t good_until, struct staple **out)
{
	struct staple *s = calloc(1, sizeof(*s));

	if (!s)
		return STAPLE_NO_MEMORY;
	s->good_until = good_until;
	s->length = i2d_OCSP_RESPONSE(response, &s->bytes);
	if (s->length > 0 && s->length <= FILE_BYTES_MAX) {
		*out = s;
		return STAPLE_GOOD;
	}
	staple_destroy(s);
	return STAPLE_UNREADABLE;
}

enum staple_verdict staple_read(const char *path, SSL_CTX *context, struct staple **out)
{
	OCSP_RESPONSE *response;
	time_t good_until = 0;
	enum staple_verdict verdict = response_read(path, &response);

	if (verdict == STAPLE_GOOD)
		verdict = judge(response, context, &good_until);
	if (verdict == STAPLE_GOOD)
		verdict = staple_make(response, good_until, out);
	OCSP_RESPONSE_free(response);
	ERR_clear_error();
	return verdict;
}

const char *staple_verdict_sentence(enum staple_verdict verdict)
{
	static const char *const sentences[] = {
		[STAPLE_GOOD] = "is good",
		[STAPLE_UNREADABLE] = "holds no OCSP response in DER",
		[STAPLE_UNSUCCESSFUL] = "is a responder's error",
		[STAPLE_OTHER] = "is not about this certificate",
		[STAPLE_UNSIGNED] = "is not signed for the certificate's issuer",
		[STAPLE_REVOKED] = "does not say that the certificate is good",
		[STAPLE_OUTDATED] = "is out of date",
		[STAPLE_NO_MEMORY] = "finds no memory",
	};

	return sentences[verdict];
}

void staple_destroy(struct staple *staple)
{
	if (!staple)
		return;
	OPENSSL_free(staple->bytes);
	free(staple);
}

static int on_status(SSL *ssl, void *context)
{
	const struct staple *s = context;
	unsigned char *copy;

	if (s->good_until != 0 && time(NULL) > s->good_until)
		return SSL_TLSEXT_ERR_NOACK;
	copy = OPENSSL_memdup(s->bytes, (size_t)s->length);
	if (!copy)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_tlsext_status_ocsp_resp(ssl, copy, s->length);
	return SSL_TLSEXT_ERR_OK;
}

void staple_use(SSL_CTX *context, struct staple *staple)
{
	SSL_CTX_set_tlsext_status_cb(context, on_status);
	SSL_CTX_set_tlsext_status_arg(context, staple);
}
