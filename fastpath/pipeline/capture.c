// SPDX-License-Identifier: BSD-3-Clause

#include "pipeline/capture.h"

#include <pcap/pcap.h>

#include "core/memory.h"
#include "pipeline/node_private.h"
#include "pipeline/worker.h"

// One producer (the worker), one consumer (the control thread): head and tail count records for
// ever.
struct capture_ring {
	shared_word_t head; // w: worker
	shared_word_t tail; // w: control
	counter_t missed;   // w: worker
	struct capture_record *records;
	uint8_t *bytes; // CAPTURE_SLOTS times snap
	struct memory memory;
};

struct capture {
	struct bpf_program filter;
	uint16_t port;
	uint32_t snap;
	uint16_t workers;
	uint16_t turn; // ring that capture_take looks at next
	struct capture_ring rings[MAX_WORKERS];
};

static int compile_filter(struct capture *c, const char *expression, char *error, size_t error_size)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, CAPTURE_SNAP_MAX);

	if (!pcap) {
		snprintf(error, error_size, "capture: out of memory");
		return -ENOMEM;
	}
	int failed = pcap_compile(pcap, &c->filter, expression, 1, PCAP_NETMASK_UNKNOWN);

	if (failed)
		snprintf(error, error_size, "filter: %s; see pcap-filter(7)", pcap_geterr(pcap));
	pcap_close(pcap);
	if (failed)
		return -EINVAL;
	if (c->filter.bf_len <= CAPTURE_FILTER_MAX)
		return 0;
	snprintf(error, error_size, "filter: compiles to %u instructions, at most %d are allowed",
		c->filter.bf_len, CAPTURE_FILTER_MAX);
	pcap_freecode(&c->filter);
	return -EINVAL;
}

static int create_ring(struct capture_ring *ring, uint32_t snap)
{
	size_t records = CAPTURE_SLOTS * sizeof(struct capture_record);

	int status = memory_map(records + (size_t)CAPTURE_SLOTS * snap, false, &ring->memory);

	if (status != 0)
		return status;
	ring->records = ring->memory.base;
	ring->bytes = (uint8_t *)ring->records + records;
	return 0;
}

int capture_create(const char *expression, uint16_t port, uint32_t snap, uint16_t workers,
	struct capture **out, char *error, size_t error_size)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (!c) {
		snprintf(error, error_size, "capture: out of memory");
		return -ENOMEM;
	}
	int status = compile_filter(c, expression, error, error_size);

	if (status != 0) {
		free(c);
		return status;
	}
	c->port = port;
	c->snap = u32_min(snap, CAPTURE_SNAP_MAX);
	c->workers = workers;
	for (uint16_t i = 0; i < workers; i++) {
		status = create_ring(&c->rings[i], c->snap);
		if (status != 0) {
			snprintf(
				error, error_size, "capture: out of memory; lower the snap length");
			capture_destroy(c);
			return status;
		}
	}
	*out = c;
	return 0;
}

void capture_destroy(struct capture *c)
{
	for (uint16_t i = 0; i < c->workers; i++)
		memory_unmap(&c->rings[i].memory);
	pcap_freecode(&c->filter);
	free(c);
}

static bool take_from(
	struct capture *c, struct capture_ring *ring, struct capture_record *record, uint8_t *data)
{
	uint64_t tail = ring->tail.value;
	size_t slot = tail % CAPTURE_SLOTS;

	if (shared_word_load(&ring->head) == tail)
		return false;
	*record = ring->records[slot];
	memcpy(data, ring->bytes + slot * c->snap, record->captured);
	shared_word_store(&ring->tail, tail + 1);
	return true;
}

bool capture_take(struct capture *c, struct capture_record *record, uint8_t *data)
{
	for (uint16_t i = 0; i < c->workers; i++) {
		struct capture_ring *ring = &c->rings[(c->turn + i) % c->workers];

		if (take_from(c, ring, record, data)) {
			c->turn = (uint16_t)((c->turn + i) % c->workers);
			return true;
		}
	}
	return false;
}

uint64_t capture_missed(const struct capture *c)
{
	uint64_t missed = 0;

	for (uint16_t i = 0; i < c->workers; i++)
		missed += counter_read(&c->rings[i].missed);
	return missed;
}

static uint32_t copy_out(const struct buffer *b, uint8_t *to, uint32_t room)
{
	uint32_t copied = 0;

	for (; b && copied < room; b = b->next) {
		uint32_t n = u32_min(b->length, room - copied);

		memcpy(to + copied, buffer_data(b), n);
		copied += n;
	}
	return copied;
}

static void offer(struct worker *w, struct capture *c, uint16_t port, enum capture_point point,
	const struct buffer *b)
{
	struct capture_ring *ring = &c->rings[w->index];
	uint64_t head = ring->head.value;
	size_t slot = head % CAPTURE_SLOTS;

	if (!bpf_filter(c->filter.bf_insns, buffer_data(b), b->total_length, b->length))
		return;
	if (head - shared_word_load(&ring->tail) >= CAPTURE_SLOTS) {
		counter_add(&ring->missed, 1);
		return;
	}
	ring->records[slot] = (struct capture_record){
		.time = w->now,
		.length = b->total_length,
		.captured = copy_out(b, ring->bytes + slot * c->snap, c->snap),
		.port = port,
		.point = (uint8_t)point,
		.worker = w->index,
	};
	shared_word_store(&ring->head, head + 1);
}

void capture_burst(struct worker *w, uint16_t port, enum capture_point point,
	struct buffer *const *frames, uint16_t n)
{
	for (uint16_t k = 0; k < w->capture_count; k++) {
		struct capture *c = w->captures[k];

		if (c->port != UINT16_MAX && c->port != port)
			continue;
		for (uint16_t i = 0; i < n; i++)
			offer(w, c, port, point, frames[i]);
	}
}
