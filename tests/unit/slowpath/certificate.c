// SPDX-License-Identifier: BSD-3-Clause
#include "certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_files(const struct test_certificate *c, X509 *x, EVP_PKEY *key)
{
	FILE *file = fopen(c->certificate, "we");

	nx_bug_on(!file || PEM_write_X509(file, x) != 1 || fclose(file) != 0);
	file = fopen(c->key, "we");
	nx_bug_on(!file || PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) != 1 ||
		  fclose(file) != 0 || chmod(c->key, 0600) != 0);
}

static EVP_PKEY *key_read(const struct test_certificate *c)
{
	FILE *file = fopen(c->key, "re");
	EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;

	nx_bug_on(!key || fclose(file) != 0);
	return key;
}

// issuer NULL: itself.
static void make(const char *names, int seconds_from_now, const struct test_certificate *issuer,
	struct test_certificate *out)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *signing = issuer ? key_read(issuer) : key;
	X509 *x = X509_new();
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	X509_NAME *subject = X509_get_subject_name(x), *issuer_name = X509_NAME_new();

	snprintf(out->folder, sizeof(out->folder), "/tmp/nexpath-test-XXXXXX");
	nx_bug_on(!mkdtemp(out->folder));
	snprintf(out->certificate, sizeof(out->certificate), "%s/c.pem", out->folder);
	snprintf(out->key, sizeof(out->key), "%s/k.pem", out->folder);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), seconds_from_now);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
		(const unsigned char *)(issuer ? "issued test" : "test"), -1, -1, 0);
	X509_NAME_add_entry_by_txt(
		issuer_name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(x, issuer_name);
	X509_set_pubkey(x, key);
	nx_bug_on(!extension || X509_add_ext(x, extension, -1) != 1 ||
		  X509_sign(x, signing, EVP_sha256()) == 0);
	write_files(out, x, key);
	X509_NAME_free(issuer_name);
	if (issuer)
		EVP_PKEY_free(signing);
	X509_EXTENSION_free(extension);
	X509_free(x);
	EVP_PKEY_free(key);
}

void test_certificate_make(const char *names, struct test_certificate *out)
{
	make(names, 86400, NULL, out);
}

void test_certificate_make_until(
	const char *names, int seconds_from_now, struct test_certificate *out)
{
	make(names, seconds_from_now, NULL, out);
}

void test_certificate_issue(
	const char *names, const struct test_certificate *issuer, struct test_certificate *out)
{
	make(names, 86400, issuer, out);
}

void test_certificate_remove(struct test_certificate *c)
{
	unlink(c->certificate);
	unlink(c->key);
	rmdir(c->folder);
}
