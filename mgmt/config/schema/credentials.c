// SPDX-License-Identifier: BSD-3-Clause
// Keys and certificates of TLS and REALITY, of servers and of clients.
#include "config/schema/rows.h"

static const struct schema_key KEYS[] = {
	{"credentials", .type = SCHEMA_GROUPS, .effect = EFFECT_NEW_SESSIONS, RANGE(0, 1024),
		IN(config, credentials), .size = sizeof(struct config_credential),
		.sentence = "Keys and certificates, named by the transports that use them."},
	{"credentials[].name", .type = SCHEMA_NAME, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, NAME_BYTES - 1), .flags = SCHEMA_REQUIRED | SCHEMA_IDENTITY,
		IN(config_credential, name), .sentence = "Name of the credential."},
	{"credentials[].kind", .type = SCHEMA_WORD,
		.words = "tls|tls-client|reality|reality-client", .effect = EFFECT_NEW_SESSIONS,
		.flags = SCHEMA_REQUIRED, IN(config_credential, kind),
		.sentence =
			"What it is for; the first words of each key below say which kinds have it."},
	{"credentials[].certificate", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(7, 255), IN(config_credential, certificate),
		.sentence =
			"tls (required), tls-client: file:PATH of the certificate chain in PEM, the own one "
			"first; of a client it answers a server that asks for one."},
	{"credentials[].key", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS, RANGE(7, 255),
		IN(config_credential, key),
		.sentence =
			"tls (required), tls-client: file:PATH of the private key in PEM, under "
			"management.key_dir and readable by its owner alone."},
	{"credentials[].names", .type = SCHEMA_STRINGS, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, 256), IN(config_credential, names),
		.sentence =
			"tls: host names that clients ask for it by (SNI), exact or *.DOMAIN; absent: those in "
			"the certificate."},
	{"credentials[].alpn", .type = SCHEMA_STRINGS, .effect = EFFECT_NEW_SESSIONS, RANGE(1, 16),
		IN(config_credential, alpn),
		.sentence =
			"tls, tls-client: protocols that the other end speaks, the preferred one first; absent: "
			"clients' lists go unanswered, and none is sent to targets."},
	{"credentials[].min_version", .type = SCHEMA_WORD, .words = "1.2|1.3", .fallback = "1.2",
		.effect = EFFECT_NEW_SESSIONS, IN(config_credential, min_version),
		.sentence = "tls, tls-client: the least version of TLS."},
	{"credentials[].ocsp", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS, RANGE(7, 255),
		IN(config_credential, ocsp),
		.sentence =
			"tls: file:PATH of an OCSP response in DER, stapled for clients that ask."},
	{"credentials[].client_ca", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(7, 255), IN(config_credential, client_ca),
		.sentence =
			"tls: file:PATH of the authorities in PEM that sign clients' certificates."},
	{"credentials[].client_certificate", .type = SCHEMA_WORD, .words = "off|optional|required",
		.fallback = "off", .effect = EFFECT_NEW_SESSIONS,
		IN(config_credential, client_certificate),
		.sentence =
			"tls: whether clients show a certificate of client_ca: not asked, as they like, or "
			"else refused."},
	{"credentials[].roots", .type = SCHEMA_STRING, .fallback = "system",
		.effect = EFFECT_NEW_SESSIONS, RANGE(6, 255), IN(config_credential, roots),
		.sentence =
			"tls-client, reality-client: file:PATH of the authorities in PEM that may sign servers, or "
			"\"system\" for those of this machine."},
	{"credentials[].server_name", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, 253), IN(config_credential, server_name),
		.sentence =
			"tls-client, reality-client (required): the name asked for (SNI) and verified; absent: "
			"the target's."},
	{"credentials[].insecure", .type = SCHEMA_BOOLEAN, .fallback = "false",
		.effect = EFFECT_NEW_SESSIONS, IN(config_credential, insecure),
		.sentence =
			"tls-client: true takes any server's certificate: whoever is in the middle reads all."},
	{"credentials[].private_key", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(7, 255), .flags = SCHEMA_PRIVATE, IN(config_credential, private_key),
		.sentence =
			"reality (required): the server's X25519 key, 32 bytes in base64url, or file:PATH under "
			"management.key_dir."},
	{"credentials[].previous_private_key", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(7, 255), .flags = SCHEMA_PRIVATE, IN(config_credential, previous_private_key),
		.sentence = "reality: the key before, likewise: its clients come in too."},
	{"credentials[].target", .type = SCHEMA_TARGET, .effect = EFFECT_NEW_SESSIONS,
		IN(config_credential, target),
		.sentence = "reality (required): HOST:PORT of the site that everybody else sees."},
	{"credentials[].server_names", .type = SCHEMA_STRINGS, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, 256), IN(config_credential, server_names),
		.sentence =
			"reality (required): names of the target that clients may ask for, compared byte for "
			"byte."},
	{"credentials[].short_ids", .type = SCHEMA_STRINGS, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, 1024), .flags = SCHEMA_PRIVATE, IN(config_credential, short_ids),
		.sentence =
			"reality (required): who may come in: 0 to 16 hexadecimal digits each, an even number; \"\" "
			"lets in clients without one."},
	{"credentials[].min_client_version", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(5, 11), IN(config_credential, min_client_version),
		.sentence = "reality: the least version that clients may claim, as in 26.3.27."},
	{"credentials[].max_client_version", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(5, 11), IN(config_credential, max_client_version),
		.sentence = "reality: the greatest version that clients may claim."},
	{"credentials[].max_time_diff_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "120", .effect = EFFECT_NEW_SESSIONS, RANGE(0, 86400),
		IN(config_credential, max_time_diff_s),
		.sentence =
			"reality: how far a client's clock may be off; 0 for any time, which lets old hellos be "
			"replayed after a restart."},
	{"credentials[].key_shares", .type = SCHEMA_WORD, .words = "any|hybrid-first",
		.fallback = "any", .effect = EFFECT_NEW_SESSIONS, IN(config_credential, key_shares),
		.sentence =
			"reality: which hellos pass: with an X25519 share of any kind, or only those that begin "
			"with X25519MLKEM768, as Xray rules since 26.9.8."},
	{"credentials[].mldsa65_seed", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(7, 255), .flags = SCHEMA_PRIVATE, IN(config_credential, mldsa65_seed),
		.sentence =
			"reality: 32 bytes in base64url, or file:PATH: signs with ML-DSA-65 too. Needs OpenSSL "
			"3.5."},
	{"credentials[].target_proxy_protocol", .type = SCHEMA_WORD, .words = "off|v1|v2",
		.fallback = "off", .effect = EFFECT_NEW_SESSIONS,
		IN(config_credential, target_proxy_protocol),
		.sentence =
			"reality: PROXY protocol header that the target gets first, with the client's address."},
	{"credentials[].limit_fallback_upload", .type = SCHEMA_GROUP, .effect = EFFECT_NEW_SESSIONS,
		IN(config_credential, limit_fallback_upload),
		.sentence = "reality: bounds what a client that is not ours sends to the target."},
	{"credentials[].limit_fallback_upload.after_bytes", .type = SCHEMA_INTEGER,
		.unit = UNIT_BYTES, .fallback = "0", .effect = EFFECT_NEW_SESSIONS,
		RANGE(0, UINT32_MAX), IN(config_limit, after_bytes),
		.sentence = "Bytes that pass before the bound."},
	{"credentials[].limit_fallback_upload.bytes_per_s", .type = SCHEMA_INTEGER,
		.unit = UNIT_BYTES, .fallback = "0", .effect = EFFECT_NEW_SESSIONS,
		RANGE(0, UINT32_MAX), IN(config_limit, bytes_per_s),
		.sentence = "Bytes a second behind those; 0 for no bound."},
	{"credentials[].limit_fallback_upload.burst_bytes", .type = SCHEMA_INTEGER,
		.unit = UNIT_BYTES, .fallback = "0", .effect = EFFECT_NEW_SESSIONS,
		RANGE(0, UINT32_MAX), IN(config_limit, burst_bytes),
		.sentence = "Bytes that may come at once behind those; 0 for those of a second."},
	{"credentials[].limit_fallback_download", .type = SCHEMA_GROUP,
		.effect = EFFECT_NEW_SESSIONS, IN(config_credential, limit_fallback_download),
		.sentence = "reality: bounds what a client that is not ours gets from the target."},
	{"credentials[].limit_fallback_download.after_bytes", .type = SCHEMA_INTEGER,
		.unit = UNIT_BYTES, .fallback = "0", .effect = EFFECT_NEW_SESSIONS,
		RANGE(0, UINT32_MAX), IN(config_limit, after_bytes),
		.sentence = "Bytes that pass before the bound."},
	{"credentials[].limit_fallback_download.bytes_per_s", .type = SCHEMA_INTEGER,
		.unit = UNIT_BYTES, .fallback = "0", .effect = EFFECT_NEW_SESSIONS,
		RANGE(0, UINT32_MAX), IN(config_limit, bytes_per_s),
		.sentence = "Bytes a second behind those; 0 for no bound."},
	{"credentials[].limit_fallback_download.burst_bytes", .type = SCHEMA_INTEGER,
		.unit = UNIT_BYTES, .fallback = "0", .effect = EFFECT_NEW_SESSIONS,
		RANGE(0, UINT32_MAX), IN(config_limit, burst_bytes),
		.sentence = "Bytes that may come at once behind those; 0 for those of a second."},
	{"credentials[].public_key", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(7, 255), IN(config_credential, public_key),
		.sentence =
			"reality-client (required): the server's X25519 key, 32 bytes in base64url; who has it and a "
			"short id gets in, so keep it."},
	{"credentials[].short_id", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(0, 16), .flags = SCHEMA_PRIVATE, IN(config_credential, short_id),
		.sentence =
			"reality-client: one of the server's, 0 to 16 hexadecimal digits, an even number."},
	{"credentials[].fingerprint", .type = SCHEMA_WORD, .words = "chrome|firefox",
		.fallback = "chrome", .effect = EFFECT_NEW_SESSIONS,
		IN(config_credential, fingerprint),
		.sentence =
			"reality-client: whose hello ours looks like: that of Chrome 156 on a CPU with AES, or of Firefox 159."},
	{"credentials[].mldsa65_verify", .type = SCHEMA_STRING, .effect = EFFECT_NEW_SESSIONS,
		RANGE(7, 2604), IN(config_credential, mldsa65_verify),
		.sentence =
			"reality-client: the server's ML-DSA-65 key, 1,952 bytes in base64url, or file:PATH; absent: "
			"not asked for. Needs OpenSSL 3.5."},
};
const struct schema_rows schema_credentials_rows = {KEYS, nx_array_size(KEYS)};
