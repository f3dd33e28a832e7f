// SPDX-License-Identifier: BSD-3-Clause
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "pkt/checksum.h"
#include "pkt/parse.h"

static const struct port *rig_port(void *context, uint16_t index)
{
	struct rig *rig = context;

	return index < 2 ? &rig->ports[index] : NULL;
}

static bool rig_owns(void *context, uint16_t index)
{
	struct rig *rig = context;

	return index < 2 && rig->owned[index];
}

static void keep(struct rig_list *list, struct rig_frame item)
{
	assert_true(list->count < RIG_KEPT);
	list->items[list->count++] = item;
}

static void rig_frame_out(void *context, uint16_t port, struct buffer *frame)
{
	struct rig *rig = context;

	keep(&rig->frames, (struct rig_frame){.port = port, .buffer = frame});
}

static void rig_resolved(void *context, uint32_t neighbour, struct buffer *buffer)
{
	struct rig *rig = context;

	keep(&rig->resolved, (struct rig_frame){.neighbour = neighbour, .buffer = buffer});
}

static void rig_again(void *context, struct buffer *frame, uint16_t largest)
{
	struct rig *rig = context;

	keep(&rig->again, (struct rig_frame){.largest = largest, .buffer = frame});
}

static void rig_event(void *context, const struct worker_event *event)
{
	struct rig *rig = context;

	assert_true(rig->event_count < 16);
	rig->events[rig->event_count++] = *event;
}

static struct buffer *rig_get(struct buffer_source *source, uint32_t room)
{
	struct rig *rig = nx_container_of(source, struct rig, source);

	if (rig->fail_from != 0 && ++rig->gets >= rig->fail_from)
		return NULL;
	return buffer_heap_get(source, room);
}

struct ip_address rig_address(const char *text)
{
	struct ip_address a;

	assert_true(ip_address_parse(text, &a));
	return a;
}

static void add_address(struct rig *rig, uint16_t netif, const char *text, uint8_t prefix_length)
{
	struct snapshot *s = &rig->snapshot;
	struct ip_address address = rig_address(text);
	uint32_t at = snapshot_address_start(&address, s->address_hash_mask);

	while (rig->address_hash[at] != 0)
		at = (at + 1) & s->address_hash_mask;
	rig->addresses[s->address_count] = (struct snapshot_address){
		.address = address, .netif = netif, .prefix_length = prefix_length};
	rig->address_hash[at] = ++s->address_count;
	if (rig->netifs[netif].address_count == 0)
		rig->netifs[netif].address_first = (uint16_t)(s->address_count - 1);
	rig->netifs[netif].address_count++;
}

void rig_add_address(struct rig *rig, uint16_t netif, const char *text, uint8_t prefix_length)
{
	add_address(rig, netif, text, prefix_length);
	rig->snapshot.generation++;
}

static void set_up_network(struct rig *rig)
{
	struct snapshot *s = &rig->snapshot;

	s->generation = 1;
	s->netifs = rig->netifs;
	s->netif_count = 2;
	s->addresses = rig->addresses;
	s->address_hash = rig->address_hash;
	s->address_hash_mask = nx_array_size(rig->address_hash) - 1;
	s->routes = rig->routes;
	rig->netifs[0] = (struct snapshot_netif){.port = 0, .mtu = 1500};
	rig->netifs[1] = (struct snapshot_netif){.port = 1, .vlan = 7, .mtu = 1500};
	add_address(rig, 0, "10.1.0.2", 120);
	add_address(rig, 0, "fd00:1::2", 64);
	add_address(rig, 1, "10.2.0.2", 120);
	for (uint16_t i = 0; i < 2; i++) {
		rig->ports[i].index = i;
		rig->ports[i].mac = (struct mac_address){{2, 0, 0, 0, 0, (uint8_t)(i + 1)}};
		rig->owned[i] = true;
	}
}

struct rig *rig_create_silent(void)
{
	struct memory memory;

	assert_int_equal(memory_map(sizeof(struct rig), false, &memory), 0);
	struct rig *rig = memory.base;

	rig->memory = memory;
	set_up_network(rig);
	rig->now = USEC_PER_SECOND;
	rig->source = (struct buffer_source){.get = rig_get, .put = buffer_heap_put};
	assert_int_equal(neighbour_table_init(&rig->table, 42), 0);
	struct l3_config config = {.seed = 42,
		.neighbours = &rig->table,
		.stats = &rig->stats,
		.buffers = &rig->source,
		.reassembly_buffers = 256,
		.ports = {.context = rig, .port = rig_port, .owns = rig_owns},
		.context = rig,
		.frame = rig_frame_out,
		.resolved = rig_resolved,
		.again = rig_again,
		.event = rig_event};

	assert_int_equal(l3_create(&config, &rig->l3), 0);
	return rig;
}

struct rig *rig_create(void)
{
	struct rig *rig = rig_create_silent();

	rig_advance(rig, 20 * USEC_PER_SECOND);
	rig_forget(rig);
	rig->now = 100 * USEC_PER_SECOND;
	l3_tick(rig->l3, &rig->snapshot, rig->now);
	return rig;
}

static void forget(struct rig_list *list)
{
	for (uint32_t i = 0; i < list->count; i++)
		buffer_heap_put(NULL, list->items[i].buffer);
	list->count = 0;
}

void rig_forget(struct rig *rig)
{
	forget(&rig->frames);
	forget(&rig->resolved);
	forget(&rig->again);
	rig->event_count = 0;
}

void rig_destroy(struct rig *rig)
{
	struct memory memory = rig->memory;

	rig_forget(rig);
	l3_destroy(rig->l3);
	neighbour_table_fini(&rig->table);
	memory_unmap(&memory);
	assert_int_equal(buffer_heap_alive(), 0);
}

struct buffer *rig_buffer(const uint8_t *bytes, size_t length)
{
	struct buffer *b = buffer_heap_get(&buffer_heap_source, (uint32_t)length);

	assert_non_null(b);
	memcpy(buffer_data(b), bytes, length);
	b->length = (uint16_t)length;
	b->total_length = (uint32_t)length;
	return b;
}

void rig_parse(struct packet *packet, struct buffer *buffer, uint16_t netif)
{
	struct parse_context context = {.data = buffer_data(buffer),
		.contiguous = buffer->length,
		.frame = buffer->total_length};

	packet->buffer = buffer;
	packet->netif = netif;
	assert_int_equal(packet_parse(packet, &context), PARSE_OK);
}

void rig_receive(struct rig *rig, uint16_t port, const uint8_t *bytes, size_t length)
{
	struct packet packet = {0};

	rig_parse(&packet, rig_buffer(bytes, length), port);
	packet.buffer->port = port;
	l3_input(rig->l3, &rig->snapshot, &packet, rig->now);
	assert_null(packet.buffer);
}

size_t rig_hex(const char *hex, uint8_t *out, size_t size)
{
	size_t n = 0;
	unsigned int value;
	int used;

	while (sscanf(hex, " %2x%n", &value, &used) == 1) {
		assert_true(n < size);
		out[n++] = (uint8_t)value;
		hex += used;
	}
	return n;
}

void rig_receive_hex(struct rig *rig, uint16_t port, const char *hex)
{
	uint8_t bytes[RIG_FRAME_MAX];

	rig_receive(rig, port, bytes, rig_hex(hex, bytes, sizeof(bytes)));
}

void rig_advance(struct rig *rig, usec_t by)
{
	usec_t until = rig->now + by;

	while (rig->now < until) {
		rig->now = u64_min(until, rig->now + 10 * USEC_PER_MILLISECOND);
		l3_tick(rig->l3, &rig->snapshot, rig->now);
	}
}

void rig_assert_frame(struct rig *rig, uint32_t i, uint16_t port, const char *hex)
{
	uint8_t bytes[RIG_FRAME_MAX];
	size_t length = rig_hex(hex, bytes, sizeof(bytes));

	assert_true(i < rig->frames.count);
	const struct rig_frame *f = &rig->frames.items[i];

	assert_int_equal(f->port, port);
	assert_int_equal(f->buffer->total_length, length);
	assert_int_equal(f->buffer->length, length);
	assert_memory_equal(buffer_data(f->buffer), bytes, length);
}

uint64_t rig_drops(const struct rig *rig, enum drop_reason reason)
{
	return counter_read(&rig->stats.drops[reason]);
}

static const uint8_t link_header[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x99};

size_t rig_ip_frame(uint8_t *out, const char *source, const char *destination, uint8_t protocol,
	const uint8_t *payload, size_t bytes)
{
	struct ip_address from = rig_address(source);
	struct ip_address to = rig_address(destination);
	bool v4 = ip_address_is_v4(&from);
	uint8_t *ip = out + 14;
	size_t header = v4 ? 20 : 40;

	memset(out, 0, 14 + header);
	memcpy(out, link_header, sizeof(link_header));
	be16_store(out + 12, be16_from_host(v4 ? 0x0800 : 0x86dd));
	memcpy(ip + header, payload, bytes);
	if (v4) {
		ip[0] = 0x45;
		be16_store(ip + 2, be16_from_host((uint16_t)(header + bytes)));
		be16_store(ip + 4, be16_from_host(0x1234));
		ip[8] = 64;
		ip[9] = protocol;
		be32_store(ip + 12, from.words[3]);
		be32_store(ip + 16, to.words[3]);
		be16_store(ip + 10, checksum_finish(checksum_bytes(ip, header, 0)));
	} else {
		ip[0] = 0x60;
		be16_store(ip + 4, be16_from_host((uint16_t)bytes));
		ip[6] = protocol;
		ip[7] = 64;
		memcpy(ip + 8, from.bytes, 16);
		memcpy(ip + 24, to.bytes, 16);
	}
	return 14 + header + bytes;
}
