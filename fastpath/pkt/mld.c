// SPDX-License-Identifier: BSD-3-Clause
#include "pkt/mld.h"

#include <netinet/in.h>

#include "pkt/checksum.h"

enum {
	IP6_BYTES = 40,
	ALERT_BYTES = 8, // a hop-by-hop header with the router alert alone
	QUERY1_BYTES = 24,
	QUERY2_BYTES = 28,
	REPORT1_BYTES = 24,
	REPORT2_BYTES = 8, // without records
	OPTION_PAD1 = 0,
	OPTION_ALERT = 5, // RFC 2711; value 0: a message of multicast listener discovery
	HOP_LIMIT = 1,
};

static bool has_alert(struct cursor options)
{
	uint8_t type, length;
	const uint8_t *value;

	while (cursor_take_u8(&options, &type)) {
		if (type == OPTION_PAD1)
			continue;
		if (!cursor_take_u8(&options, &length) ||
			!cursor_take_span(&options, length, &value))
			return false;
		if (type == OPTION_ALERT)
			return length == 2 && value[0] == 0 && value[1] == 0;
	}
	return false;
}

static bool is_alerted(const uint8_t *ip, size_t l4)
{
	struct cursor headers = cursor_over(ip + IP6_BYTES, l4 - IP6_BYTES);
	uint8_t next, units;
	const uint8_t *body;

	return ip[6] == IPPROTO_HOPOPTS && cursor_take_u8(&headers, &next) &&
	       cursor_take_u8(&headers, &units) &&
	       cursor_take_span(&headers, 6 + 8u * units, &body) &&
	       has_alert(cursor_over(body, 6 + 8u * units));
}

// RFC 3810 section 5.1.3: from 32,768 on a floating-point number.
static uint32_t delay_of(uint16_t code)
{
	if (code < 0x8000)
		return code;
	return ((code & 0xfffu) | 0x1000u) << ((code >> 12 & 7) + 3);
}

static enum mld_verdict take_query(struct cursor c, struct mld_query *q)
{
	size_t bytes = cursor_left(&c);
	uint8_t type, code;
	uint16_t checksum, delay, reserved;
	const uint8_t *group;

	if (!cursor_take_u8(&c, &type) || !cursor_take_u8(&c, &code) ||
		!cursor_take_u16(&c, &checksum))
		return MLD_TRUNCATED;
	if (type != MLD_QUERY)
		return MLD_NOT_QUERY;
	if (!cursor_take_u16(&c, &delay) || !cursor_take_u16(&c, &reserved) ||
		!cursor_take_span(&c, 16, &group))
		return MLD_TRUNCATED;
	if (bytes > QUERY1_BYTES && bytes < QUERY2_BYTES)
		return MLD_LENGTH_WRONG;
	q->first_version = bytes == QUERY1_BYTES;
	q->delay_ms = q->first_version ? delay : delay_of(delay);
	q->group = ip_address_from_bytes(group);
	if (!ip_address_is_unspecified(&q->group) && q->group.bytes[0] != 0xff)
		return MLD_GROUP_WRONG;
	return MLD_PARSED;
}

enum mld_verdict mld_query_parse(const uint8_t *ip, size_t length, size_t l4, struct mld_query *out)
{
	struct mld_query q = {0};

	if (length < IP6_BYTES || l4 < IP6_BYTES || l4 > length)
		return MLD_TRUNCATED;

	struct ip_address source = ip_address_from_bytes(ip + 8);
	struct ip_address destination = ip_address_from_bytes(ip + 24);
	uint32_t bytes = (uint32_t)(length - l4);

	if (ip[7] != HOP_LIMIT)
		return MLD_HOP_LIMIT_WRONG;
	if (!ip_address_is_link_local6(&source))
		return MLD_SOURCE_WRONG;
	if (!is_alerted(ip, l4))
		return MLD_NO_ALERT;
	if (checksum_finish(checksum_bytes(ip + l4, bytes,
		    checksum_pseudo(&source, &destination, IPPROTO_ICMPV6, bytes))) != 0)
		return MLD_CHECKSUM_WRONG;

	enum mld_verdict verdict = take_query(cursor_over(ip + l4, bytes), &q);

	if (verdict == MLD_PARSED)
		*out = q;
	return verdict;
}

// IP header and router alert; returns where the message begins.
static uint8_t *headers_build(uint8_t *out, const struct ip_address *source,
	const struct ip_address *destination, uint32_t bytes)
{
	static const uint8_t alert[ALERT_BYTES] = {
		IPPROTO_ICMPV6, 0, OPTION_ALERT, 2, 0, 0, 1 /* PadN */, 0};

	memset(out, 0, IP6_BYTES + ALERT_BYTES + bytes);
	out[0] = 0x60;
	be16_store(out + 4, be16_from_host((uint16_t)(ALERT_BYTES + bytes)));
	out[6] = IPPROTO_HOPOPTS;
	out[7] = HOP_LIMIT;
	memcpy(out + 8, source->bytes, 16);
	memcpy(out + 24, destination->bytes, 16);
	memcpy(out + IP6_BYTES, alert, ALERT_BYTES);
	return out + IP6_BYTES + ALERT_BYTES;
}

static size_t finish(uint8_t *icmp, const struct ip_address *source,
	const struct ip_address *destination, uint32_t bytes)
{
	uint64_t sum = checksum_pseudo(source, destination, IPPROTO_ICMPV6, bytes);

	be16_store(icmp + 2, checksum_finish(checksum_bytes(icmp, bytes, sum)));
	return IP6_BYTES + ALERT_BYTES + bytes;
}

size_t mld_report_build(uint8_t out[MLD_PACKET_MAX], const struct ip_address *source,
	enum mld_record record, const struct ip_address *groups, uint32_t count)
{
	struct ip_address routers = mld_routers();
	uint32_t bytes = REPORT2_BYTES + count * MLD_RECORD_BYTES;
	uint8_t *icmp = headers_build(out, source, &routers, bytes);

	icmp[0] = MLD2_REPORT;
	be16_store(icmp + 6, be16_from_host((uint16_t)count));
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *at = icmp + REPORT2_BYTES + i * MLD_RECORD_BYTES;

		at[0] = (uint8_t)record;
		memcpy(at + 4, groups[i].bytes, 16);
	}
	return finish(icmp, source, &routers, bytes);
}

size_t mld_report1_build(uint8_t out[MLD_PACKET_MAX], const struct ip_address *source,
	const struct ip_address *group)
{
	uint8_t *icmp = headers_build(out, source, group, REPORT1_BYTES);

	icmp[0] = MLD1_REPORT;
	memcpy(icmp + 8, group->bytes, 16);
	return finish(icmp, source, group, REPORT1_BYTES);
}

struct ip_address mld_routers(void)
{
	return (struct ip_address){.bytes = {0xff, 2, [15] = 0x16}};
}
