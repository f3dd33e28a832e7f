// SPDX-License-Identifier: BSD-3-Clause
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/credential/credential.h"

// subjectAltName = DNS:name (RFC 6125: no other name counts).
static X509_EXTENSION *names_make(const char *name)
{
	char value[300];

	snprintf(value, sizeof(value), "DNS:%s", name);
	return X509V3_EXT_nconf_nid(NULL, NULL, NID_subject_alt_name, value);
}

static bool serial_draw(X509 *x)
{
	uint8_t bytes[16];
	BIGNUM *number;
	bool done;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] &= 0x7f;
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	done = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;
	BN_free(number);
	return done;
}

static bool certificate_print(EVP_PKEY *key, const char *name, unsigned days)
{
	X509_EXTENSION *names = names_make(name);
	X509 *x = X509_new();
	X509_NAME *subject = x != NULL ? X509_get_subject_name(x) : NULL;
	// A subject may have 64 characters, and no client looks at it.
	bool done = names != NULL && subject != NULL && X509_set_version(x, 2) == 1 &&
		    serial_draw(x) &&
		    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
			    (const unsigned char *)"nexpath", -1, -1, 0) == 1 &&
		    X509_set_issuer_name(x, subject) == 1 &&
		    X509_gmtime_adj(X509_getm_notBefore(x), 0) != NULL &&
		    X509_gmtime_adj(X509_getm_notAfter(x), (long)days * 86400) != NULL &&
		    X509_set_pubkey(x, key) == 1 && X509_add_ext(x, names, -1) == 1 &&
		    X509_sign(x, key, EVP_sha256()) > 0 && PEM_write_X509(stdout, x) == 1;

	X509_EXTENSION_free(names);
	X509_free(x);
	return done;
}

static bool request_print(EVP_PKEY *key, const char *name)
{
	STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
	X509_EXTENSION *names = names_make(name);
	X509_REQ *request = X509_REQ_new();
	bool done = extensions != NULL && names != NULL && request != NULL &&
		    sk_X509_EXTENSION_push(extensions, names) > 0;

	if (!done)
		X509_EXTENSION_free(names);
	done = done && X509_REQ_set_version(request, 0) == 1 &&
	       X509_REQ_set_pubkey(request, key) == 1 &&
	       X509_REQ_add_extensions(request, extensions) == 1 &&
	       X509_REQ_sign(request, key, EVP_sha256()) > 0 &&
	       PEM_write_X509_REQ(stdout, request) == 1;
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_REQ_free(request);
	return done;
}

enum exit_status generate_tls(const char *name, unsigned days, bool request)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	bool done = key != NULL;

	printf("# The key, for /etc/nexpath/keys/%s.key with mode 600; then %s, for %s.%s; then the "
	       "configuration.\n",
		name, request ? "a request for an authority to sign" : "its certificate", name,
		request ? "csr" : "pem");
	done = done && PEM_write_PKCS8PrivateKey(stdout, key, NULL, NULL, 0, NULL, NULL) == 1 &&
	       (request ? request_print(key, name) : certificate_print(key, name, days));
	EVP_PKEY_free(key);
	if (!done) {
		fprintf(stderr, "nexpath: OpenSSL makes no certificate for \"%s\"\n", name);
		return EXIT_REFUSED;
	}
	printf("# credentials = ( { name = \"web\"; kind = \"tls\"; certificate = "
	       "\"file:/etc/nexpath/keys/%s.pem\"; key = \"file:/etc/nexpath/keys/%s.key\"; } );\n"
	       "# in a listener: mode = \"terminate\"; transport = { security = \"tls\"; "
	       "credentials = [\"web\"]; };\n",
		name, name);
	if (!request)
		printf("# at the other end: credentials = ( { name = \"web\"; kind = \"tls-client\"; "
		       "roots = \"file:/etc/nexpath/%s.pem\"; server_name = \"%s\"; } );\n",
			name, name);
	return EXIT_DONE;
}
