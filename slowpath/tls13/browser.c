// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/browser.h"

#include "tls13/group.h"
#include "tls13/signature.h"

#define LIST(...)                                                                                  \
	{                                                                                          \
		.values = (const uint16_t[]){__VA_ARGS__},                                         \
		.count = sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t),               \
	}

// Schemes that stand in certificates and are offered, but sign nothing in TLS 1.3.
enum {
	SCHEME_PKCS1_SHA1 = 0x0201,
	SCHEME_ECDSA_SHA1 = 0x0203,
	SCHEME_PKCS1_SHA256 = 0x0401,
	SCHEME_PKCS1_SHA384 = 0x0501,
	SCHEME_PKCS1_SHA512 = 0x0601,
};

// Schemes after quanta, offered by Chrome; no certificate here is signed by one.
enum {
	SCHEME_MLDSA44 = 0x0904,
	SCHEME_MLDSA65 = 0x0905,
	SCHEME_MLDSA87 = 0x0906,
};

// Of HPKE.
enum {
	HPKE_AES_128_GCM = 1,
	HPKE_CHACHA20_POLY1305 = 3,
};

// The relative object identifiers of the roots that Chrome 156 trusts and that have one.
static const uint8_t chrome_anchors[] = {
	5, 0x82, 0xdf, 0x13, 0x02, 0x01,                   //
	5, 0x82, 0xdf, 0x13, 0x02, 0x06,                   //
	5, 0x82, 0xdf, 0x13, 0x02, 0x0d,                   //
	5, 0x82, 0xdf, 0x13, 0x02, 0x0e,                   //
	5, 0x82, 0xdf, 0x13, 0x02, 0x0f,                   //
	5, 0x82, 0xdf, 0x13, 0x02, 0x12,                   //
	5, 0x82, 0xdf, 0x13, 0x02, 0x13,                   //
	5, 0x82, 0xdf, 0x13, 0x02, 0x14,                   //
	8, 0x83, 0x9a, 0x64, 0x8c, 0x9b, 0x2d, 0x01, 0x07, //
	8, 0x83, 0x9a, 0x64, 0x8c, 0x9b, 0x2d, 0x01, 0x08, //
	8, 0x83, 0x9a, 0x64, 0x8c, 0x9b, 0x2d, 0x01, 0x09, //
	8, 0x83, 0x9a, 0x64, 0x8c, 0x9b, 0x2d, 0x01, 0x0a, //
	8, 0x83, 0x9a, 0x64, 0x8c, 0x9b, 0x2d, 0x01, 0x0b, //
	8, 0x83, 0x9a, 0x64, 0x8c, 0x9b, 0x2d, 0x01, 0x0c, //
	8, 0x83, 0x9a, 0x64, 0x8c, 0x9b, 0x2d, 0x01, 0x0d, //
	8, 0x83, 0x9a, 0x64, 0x8c, 0x9b, 0x2d, 0x01, 0x12, //
	8, 0x83, 0x9a, 0x64, 0x8c, 0x9b, 0x2d, 0x01, 0x13, //
	4, 0xd6, 0x79, 0x09, 0x01,                         //
	4, 0xd6, 0x79, 0x09, 0x04,                         //
	4, 0xd6, 0x79, 0x09, 0x05,                         //
	4, 0xd6, 0x79, 0x09, 0x06,                         //
	4, 0xd6, 0x79, 0x09, 0x07,                         //
	4, 0xd6, 0x79, 0x09, 0x08,                         //
	4, 0xd6, 0x79, 0x09, 0x0a,                         //
	4, 0xd6, 0x79, 0x09, 0x0b,                         //
	4, 0xd6, 0x79, 0x09, 0x0c,                         //
	4, 0xd6, 0x79, 0x09, 0x0d,                         //
	4, 0xd6, 0x79, 0x09, 0x0f,                         //
};

static const char *const web[] = {"h2", "http/1.1"};

// All but the extensions.
#define PLAIN                                                                                      \
	.name = "plain", .suites = LIST(0x1301, 0x1302, 0x1303),                                   \
	.groups = LIST(GROUP_X25519MLKEM768, GROUP_X25519, GROUP_P256, GROUP_P384, GROUP_P521),    \
	.shares = LIST(GROUP_X25519MLKEM768, GROUP_X25519),                                        \
	.schemes = LIST(SCHEME_ECDSA_P256, SCHEME_ED25519, SCHEME_PSS_SHA256, SCHEME_ECDSA_P384,   \
		SCHEME_PSS_SHA384, SCHEME_PSS_SHA512, SCHEME_ECDSA_P521, SCHEME_PKCS1_SHA256,      \
		SCHEME_PKCS1_SHA384, SCHEME_PKCS1_SHA512),                                         \
	.versions = LIST(VERSION_1_3), .session_id = true

const struct tls13_browser tls13_browser_plain = {
	PLAIN,
	.extensions = LIST(EXTENSION_SERVER_NAME, EXTENSION_SUPPORTED_GROUPS, EXTENSION_ALPN,
		EXTENSION_STATUS_REQUEST, EXTENSION_SIGNATURE_ALGORITHMS, EXTENSION_KEY_SHARE,
		EXTENSION_PSK_MODES, EXTENSION_SUPPORTED_VERSIONS),
};

const struct tls13_browser tls13_browser_unstapled = {
	PLAIN,
	.extensions = LIST(EXTENSION_SERVER_NAME, EXTENSION_SUPPORTED_GROUPS, EXTENSION_ALPN,
		EXTENSION_SIGNATURE_ALGORITHMS, EXTENSION_KEY_SHARE, EXTENSION_PSK_MODES,
		EXTENSION_SUPPORTED_VERSIONS),
};

const struct tls13_browser tls13_browser_chrome = {
	.name = "chrome",
	.suites = LIST(GREASE, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9,
		0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035),
	.groups = LIST(GREASE, GROUP_X25519MLKEM768, GROUP_X25519, GROUP_P256, GROUP_P384),
	.shares = LIST(GREASE, GROUP_X25519MLKEM768, GROUP_X25519),
	.schemes = LIST(GREASE, SCHEME_MLDSA44, SCHEME_MLDSA65, SCHEME_MLDSA87, SCHEME_ECDSA_P256,
		SCHEME_PSS_SHA256, SCHEME_PKCS1_SHA256, SCHEME_ECDSA_P384, SCHEME_PSS_SHA384,
		SCHEME_PKCS1_SHA384, SCHEME_PSS_SHA512, SCHEME_PKCS1_SHA512),
	.versions = LIST(GREASE, VERSION_1_3, VERSION_1_2),
	.compressions = LIST(2),
	.extensions = LIST(GREASE, EXTENSION_SERVER_NAME, EXTENSION_EXTENDED_MASTER_SECRET,
		EXTENSION_RENEGOTIATION_INFO, EXTENSION_SUPPORTED_GROUPS, EXTENSION_POINT_FORMATS,
		EXTENSION_SESSION_TICKET, EXTENSION_ALPN, EXTENSION_STATUS_REQUEST,
		EXTENSION_SIGNATURE_ALGORITHMS, EXTENSION_SCT, EXTENSION_KEY_SHARE,
		EXTENSION_PSK_MODES, EXTENSION_SUPPORTED_VERSIONS, EXTENSION_COMPRESS_CERTIFICATE,
		EXTENSION_APPLICATION_SETTINGS, EXTENSION_TRUST_ANCHORS, EXTENSION_ECH, GREASE),
	.alpn = web,
	.alpn_count = 2,
	.alps = "h2",
	.trust_anchors = chrome_anchors,
	.trust_anchors_length = sizeof(chrome_anchors),
	// Of a CPU that has AES, as the order of the suites says too.
	.ech_ciphers = LIST(HPKE_AES_128_GCM),
	.ech_payloads = LIST(144, 176, 208, 240),
	.shuffle = true,
	.session_id = true,
};

const struct tls13_browser tls13_browser_firefox = {
	.name = "firefox",
	.suites = LIST(0x1301, 0x1303, 0x1302, 0xc02b, 0xc02f, 0xcca9, 0xcca8, 0xc02c, 0xc030,
		0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035),
	.groups = LIST(GROUP_X25519MLKEM768, GROUP_X25519, GROUP_P256, GROUP_P384, GROUP_P521),
	.shares = LIST(GROUP_X25519MLKEM768, GROUP_X25519, GROUP_P256),
	.schemes = LIST(SCHEME_ECDSA_P256, SCHEME_ECDSA_P384, SCHEME_ECDSA_P521, SCHEME_PSS_SHA256,
		SCHEME_PSS_SHA384, SCHEME_PSS_SHA512, SCHEME_PKCS1_SHA256, SCHEME_PKCS1_SHA384,
		SCHEME_PKCS1_SHA512, SCHEME_ECDSA_SHA1, SCHEME_PKCS1_SHA1),
	.versions = LIST(VERSION_1_3, VERSION_1_2),
	.compressions = LIST(1, 2, 3),
	.delegated =
		LIST(SCHEME_ECDSA_P256, SCHEME_ECDSA_P384, SCHEME_ECDSA_P521, SCHEME_ECDSA_SHA1),
	.extensions = LIST(EXTENSION_SERVER_NAME, EXTENSION_EXTENDED_MASTER_SECRET,
		EXTENSION_RENEGOTIATION_INFO, EXTENSION_SUPPORTED_GROUPS, EXTENSION_POINT_FORMATS,
		EXTENSION_SESSION_TICKET, EXTENSION_ALPN, EXTENSION_STATUS_REQUEST,
		EXTENSION_DELEGATED_CREDENTIALS, EXTENSION_SCT, EXTENSION_KEY_SHARE,
		EXTENSION_SUPPORTED_VERSIONS, EXTENSION_SIGNATURE_ALGORITHMS, EXTENSION_PSK_MODES,
		EXTENSION_RECORD_SIZE_LIMIT, EXTENSION_COMPRESS_CERTIFICATE, EXTENSION_ECH),
	.alpn = web,
	.alpn_count = 2,
	.ech_ciphers = LIST(HPKE_AES_128_GCM, HPKE_CHACHA20_POLY1305),
	.ech_payloads = LIST(240),
	.record_size_limit = 0x4001,
	.same_x25519 = true,
	.session_id = true,
};

const struct tls13_browser *tls13_browser_find(const char *name)
{
	static const struct tls13_browser *const all[] = {
		&tls13_browser_plain, &tls13_browser_chrome, &tls13_browser_firefox};

	for (size_t i = 0; i < nx_array_size(all); i++) {
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	}
	return NULL;
}
