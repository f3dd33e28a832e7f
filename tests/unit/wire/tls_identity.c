// SPDX-License-Identifier: BSD-3-Clause
#include "tls_identity.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void must(bool done)
{
	if (!done)
		abort();
}

static void extension_add(X509 *certificate, int which, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, which, value);

	must(extension != NULL && X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

static void file_make(struct tls_identity *identity)
{
	FILE *stream;

	identity->file = memfd_create("identity", 0);
	snprintf(identity->path, sizeof(identity->path), "/proc/self/fd/%d", identity->file);
	stream = fopen(identity->path, "w");
	must(stream != NULL && PEM_write_X509(stream, identity->certificate) &&
		PEM_write_PrivateKey(stream, identity->key, NULL, NULL, 0, NULL, NULL));
	must(fclose(stream) == 0);
}

void tls_identity_make(
	struct tls_identity *identity, const char *name, const struct tls_identity *issuer)
{
	X509 *certificate = X509_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	char names[100];

	if (issuer == NULL)
		issuer = identity;
	*identity = (struct tls_identity){.certificate = certificate, .key = key};
	must(X509_set_version(certificate, X509_VERSION_3) && X509_set_pubkey(certificate, key));
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	must(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0));
	must(X509_set_issuer_name(certificate, X509_get_subject_name(issuer->certificate)));
	snprintf(names, sizeof(names), "DNS:%s", name);
	extension_add(certificate, NID_subject_alt_name, names);
	if (issuer == identity)
		extension_add(certificate, NID_basic_constraints, "critical,CA:TRUE");
	must(X509_sign(certificate, issuer->key, EVP_sha256()) > 0);
	file_make(identity);
}

void tls_identity_free(struct tls_identity *identity)
{
	X509_free(identity->certificate);
	EVP_PKEY_free(identity->key);
	close(identity->file);
}
