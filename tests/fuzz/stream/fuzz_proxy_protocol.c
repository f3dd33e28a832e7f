// SPDX-License-Identifier: BSD-3-Clause
// PROXY headers of any bytes, as they come one by one: a verdict holds once it is given, nothing is
// read beyond what has come, and what was read is written and read again the same.
#include <netinet/in.h>

#include "core/base.h"
#include "stream/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// From a block of exactly that size, so that a read beyond it is seen.
static enum proxy_protocol_verdict read_prefix(
	const uint8_t *data, size_t n, struct proxy_protocol_header *out)
{
	struct proxy_protocol_header header = {.version = 77};
	uint8_t *block = malloc(n + (n == 0));
	enum proxy_protocol_verdict verdict;

	nx_bug_on(!block);
	memcpy(block, data, n);
	verdict = proxy_protocol_read(block, n, &header);
	free(block);
	nx_bug_on(verdict != PROXY_PROTOCOL_DONE && header.version != 77);
	*out = header;
	return verdict;
}

static void write_and_read_again(const struct flow_key *key, unsigned int version)
{
	uint8_t out[PROXY_PROTOCOL_WRITE_MAX];
	size_t n = proxy_protocol_write(version, key, out);
	struct proxy_protocol_header header;

	nx_bug_on(n > sizeof(out) || n != proxy_protocol_length(version, key));
	nx_bug_on(read_prefix(out, n, &header) != PROXY_PROTOCOL_DONE);
	nx_bug_on(header.length != n || header.version != version);
	nx_bug_on(header.proxied && !flow_key_equal(&header.key, key));
	nx_bug_on(!header.proxied && (version == 2 || key->protocol == IPPROTO_TCP));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_protocol_header header;
	struct proxy_protocol_header whole;
	size_t most = size < PROXY_PROTOCOL_READ_MAX ? size : PROXY_PROTOCOL_READ_MAX;
	enum proxy_protocol_verdict verdict = read_prefix(data, size, &whole);
	enum proxy_protocol_verdict before = PROXY_PROTOCOL_MORE;

	for (size_t n = 0; n <= most; n++) {
		enum proxy_protocol_verdict v = read_prefix(data, n, &header);

		nx_bug_on(before != PROXY_PROTOCOL_MORE && v != before);
		nx_bug_on(v == PROXY_PROTOCOL_DONE && header.length > n);
		before = v;
	}
	nx_bug_on(before != verdict);
	nx_bug_on(verdict == PROXY_PROTOCOL_MORE && size >= PROXY_PROTOCOL_READ_MAX);
	if (verdict != PROXY_PROTOCOL_DONE || !whole.proxied)
		return 0;
	write_and_read_again(&whole.key, 1);
	write_and_read_again(&whole.key, 2);
	return 0;
}
