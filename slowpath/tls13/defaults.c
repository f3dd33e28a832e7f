// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/engine.h"

struct tls13_list engine_suites(const struct tls13 *t)
{
	static const uint16_t suites[] = {0x1301, 0x1302, 0x1303};

	if (t->config->suites.count != 0)
		return t->config->suites;
	return (struct tls13_list){.values = suites, .count = nx_array_size(suites)};
}

struct tls13_list engine_groups(const struct tls13 *t)
{
	static const uint16_t groups[] = {
		GROUP_X25519MLKEM768, GROUP_X25519, GROUP_P256, GROUP_P384, GROUP_P521};

	if (t->config->groups.count != 0)
		return t->config->groups;
	return (struct tls13_list){.values = groups, .count = nx_array_size(groups)};
}

struct tls13_list engine_schemes(const struct tls13 *t)
{
	static const uint16_t schemes[] = {SCHEME_ECDSA_P256, SCHEME_ED25519, SCHEME_PSS_SHA256,
		SCHEME_ECDSA_P384, SCHEME_PSS_SHA384, SCHEME_PSS_SHA512, SCHEME_ECDSA_P521};

	if (t->config->schemes.count != 0)
		return t->config->schemes;
	return (struct tls13_list){.values = schemes, .count = nx_array_size(schemes)};
}

struct tls13_list engine_accepted(const struct tls13 *t)
{
	return t->config->accepted.count != 0 ? t->config->accepted : engine_schemes(t);
}

bool engine_list_has(struct tls13_list list, uint16_t value)
{
	for (size_t i = 0; i < list.count; i++) {
		if (list.values[i] == value)
			return true;
	}
	return false;
}
