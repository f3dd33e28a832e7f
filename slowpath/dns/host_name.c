// SPDX-License-Identifier: BSD-3-Clause
#include "dns/host_name.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "dns/resolver.h"

// Letters, digits, '-' and '_' in labels of 1 to 63 bytes (RFC 1035 section 2.3.1, with the
// underscore that service names use); a last label of digits alone would be an address, not a name.
static bool is_host_name(const char *text)
{
	size_t length = strlen(text);
	size_t label = 0;
	bool digits = true;

	if (length == 0 || length >= RESOLVER_NAME_BYTES - 1) {
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '.') {
			if (label == 0) {
				return false;
			}
			label = 0;
			digits = digits || i + 1 < length; // a final dot begins no label
			continue;
		}
		if (!isalnum(c) && c != '-' && c != '_') {
			return false;
		}
		digits = digits && isdigit(c);
		if (++label > 63) {
			return false;
		}
	}
	return !digits;
}

// localhost and what ends in it mean the machine itself (RFC 6761 section 6.3), where no target of
// a data plane can be.
static bool is_local_host(const char *text)
{
	static const char name[] = "localhost";
	size_t length = strlen(text);
	size_t end = length - (length > 0 && text[length - 1] == '.');
	const char *last = end >= sizeof(name) - 1 ? text + end - (sizeof(name) - 1) : NULL;

	return last != NULL && strncasecmp(last, name, sizeof(name) - 1) == 0 &&
	       (last == text || last[-1] == '.');
}

bool host_name_is_valid(const char *text)
{
	return is_host_name(text) && !is_local_host(text);
}
