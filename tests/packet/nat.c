// SPDX-License-Identifier: BSD-3-Clause
#include "nat.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

const char *const client_text[2] = {"10.1.0.9", "fd00:1::9"};
const char *const local_text[2] = {"10.1.0.2", "fd00:1::2"};
const char *const target_text[2] = {"10.2.0.1", "fd00:2::1"};
const char *const source_text[2] = {"10.2.0.2", "fd00:2::2"};

struct world *new_world(void)
{
	struct world *w = world_create(&(struct world_options){0});

	assert_non_null(w);
	return w;
}

struct world_packet from_client(int v6, uint8_t protocol, uint16_t port)
{
	return (struct world_packet){
		.key = world_key(protocol, client_text[v6], port, local_text[v6],
			protocol == IPPROTO_TCP ? WORLD_TCP_PORT : WORLD_UDP_PORT),
		.flags = TCP_FLAG_SYN,
		.window = 65535,
		.sequence = 1000,
		.length = protocol == IPPROTO_TCP ? 0 : 100,
	};
}

struct world_packet reply_to(const struct world_outcome *out, uint8_t protocol)
{
	return (struct world_packet){
		.key = world_reverse(&out->key),
		.flags = TCP_FLAG_SYN | TCP_FLAG_ACK,
		.acknowledgement = 1001,
		.sequence = 9000,
		.window = 65535,
		.length = protocol == IPPROTO_TCP ? 0 : 200,
		.netif = 1,
	};
}

struct world_outcome send_ok(struct world *w, const struct world_packet *p)
{
	struct world_outcome out = world_send(w, p);

	assert_int_equal(out.verdict, FLOW_FORWARD);
	assert_true(out.intact);
	return out;
}

struct world_outcome connect_tcp(struct world *w, int v6, uint16_t port)
{
	struct world_packet p = from_client(v6, IPPROTO_TCP, port);
	struct world_outcome out = send_ok(w, &p);
	struct world_packet reply = reply_to(&out, IPPROTO_TCP);

	send_ok(w, &reply);
	p.flags = TCP_FLAG_ACK;
	p.sequence = 1001;
	p.acknowledgement = 9001;
	send_ok(w, &p);
	return out;
}
