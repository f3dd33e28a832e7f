// SPDX-License-Identifier: BSD-3-Clause
#include "shape/link.h"

#include "shape/impair.h"

#define NSEC_PER_USEC   UINT64_C(1000)
#define NSEC_PER_SECOND UINT64_C(1000000000)
#define RATE_MOST       UINT64_C(1000000000000)
#define DELAY_MOST      (3600 * USEC_PER_SECOND)

enum {
	CAPACITY_MOST = 1 << 24,
	ETHERNET_BYTES = 14,
};

enum stream {
	STREAM_LOSS = 1,
	STREAM_JITTER,
	STREAM_REORDER,
	STREAM_DUPLICATE,
	STREAM_CORRUPT,
	STREAM_COUNT,
};

// A frame under way. Those that arrive at the same time come out in the order they went in.
struct flight {
	uint64_t arrives_ns;
	uint64_t order;
	struct buffer *frame;
};

// A frame that waits for the rate, or is being sent.
struct departure {
	uint64_t ns; // when its last bit has left
	uint32_t bytes;
};

// Invariants: flights is a heap, the earliest arrival first; departures is a ring with ascending
// times; waiting_bytes sums it.
struct shape_link {
	struct shape_config config;
	struct buffer_source *source;
	uint32_t capacity;
	uint32_t count; // flights
	struct flight *flights;
	struct departure *departures;
	uint32_t departure_first;
	uint32_t departure_count;
	uint64_t waiting_bytes;
	uint64_t busy_until_ns;   // when the rate is free for the next frame
	uint64_t busy_remainder;  // of the division that gave it, in parts of rate_bps
	uint64_t last_arrival_ns; // of those that keep their order
	uint64_t order;
	bool is_in_burst; // of losses
	struct shape_random random[STREAM_COUNT];
	struct shape_counters counters;
	struct memory memory;
};

bool shape_config_is_valid(const struct shape_config *c)
{
	return c->rate_bps <= RATE_MOST && c->delay_us <= DELAY_MOST &&
	       c->jitter_us <= DELAY_MOST && c->loss <= SHAPE_WHOLE && c->reorder <= SHAPE_WHOLE &&
	       c->duplicate <= SHAPE_WHOLE && c->corrupt <= SHAPE_WHOLE &&
	       (c->loss_burst <= 1 || c->loss < SHAPE_WHOLE);
}

static void seed_streams(struct shape_link *link)
{
	for (uint64_t i = 0; i < STREAM_COUNT; i++)
		link->random[i] = shape_random_seeded(link->config.seed, i);
}

int shape_link_create(const struct shape_config *config, uint32_t capacity,
	struct buffer_source *source, struct shape_link **out)
{
	struct memory memory;
	struct shape_link *link;
	int status;

	if (capacity < 1 || capacity > CAPACITY_MOST || !shape_config_is_valid(config))
		return -EINVAL;
	status = memory_map(sizeof(*link) + (sizeof(struct flight) + sizeof(struct departure)) *
						    (size_t)capacity,
		false, &memory);
	if (status != 0)
		return status;
	link = memory.base;
	link->memory = memory;
	link->config = *config;
	link->source = source;
	link->capacity = capacity;
	link->flights = (struct flight *)(link + 1);
	link->departures = (struct departure *)(link->flights + capacity);
	seed_streams(link);
	*out = link;
	return 0;
}

void shape_link_destroy(struct shape_link *link)
{
	struct memory memory;

	if (!link)
		return;
	for (uint32_t i = 0; i < link->count; i++)
		link->source->put(link->source, link->flights[i].frame);
	memory = link->memory;
	memory_unmap(&memory);
}

void shape_link_change(struct shape_link *link, const struct shape_config *config)
{
	bool reseed = config->seed != link->config.seed;

	// What is left of a division belongs to the rate it was made with.
	if (config->rate_bps != link->config.rate_bps)
		link->busy_remainder = 0;
	link->config = *config;
	if (reseed)
		seed_streams(link);
}

const struct shape_counters *shape_link_counters(const struct shape_link *link)
{
	return &link->counters;
}

static bool is_before(const struct flight *a, const struct flight *b)
{
	return a->arrives_ns != b->arrives_ns ? a->arrives_ns < b->arrives_ns : a->order < b->order;
}

static void flight_add(struct shape_link *link, struct buffer *frame, uint64_t arrives_ns)
{
	struct flight flight = {arrives_ns, link->order++, frame};
	struct flight *heap = link->flights;
	uint32_t at = link->count++;

	while (at > 0 && is_before(&flight, &heap[(at - 1) / 2])) {
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = flight;
}

static struct buffer *flight_take(struct shape_link *link)
{
	struct flight *heap = link->flights;
	struct buffer *frame = heap[0].frame;
	const struct flight last = heap[--link->count];
	uint32_t at = 0;

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= link->count)
			break;
		if (child + 1 < link->count && is_before(&heap[child + 1], &heap[child]))
			child++;
		if (!is_before(&heap[child], &last))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = last;
	return frame;
}

// Takes what has left by now out of the queue.
static void queue_advance(struct shape_link *link, uint64_t now_ns)
{
	while (link->departure_count > 0) {
		const struct departure *first = &link->departures[link->departure_first];

		if (first->ns > now_ns)
			break;
		link->waiting_bytes -= first->bytes;
		link->departure_first = (link->departure_first + 1) % link->capacity;
		link->departure_count--;
	}
	counter_set(&link->counters.queue_bytes, link->waiting_bytes);
}

static bool is_too_big(const struct shape_config *c, const struct buffer *frame)
{
	uint32_t at;

	if (!impair_find_ip(frame, c->frame, &at))
		at = c->frame == SHAPE_FRAME_ETHERNET ? ETHERNET_BYTES : 0;
	return frame->total_length > c->mtu + at;
}

static enum shape_verdict queue_admit(const struct shape_link *link, const struct buffer *frame)
{
	const struct shape_config *c = &link->config;

	if (c->mtu > 0 && is_too_big(c, frame))
		return SHAPE_TOO_BIG;
	if (link->count == link->capacity)
		return SHAPE_NO_ROOM;
	if (c->rate_bps == 0)
		return SHAPE_SENT;
	if (link->departure_count == link->capacity)
		return SHAPE_NO_ROOM;
	// The frame that is being sent is not in anybody's way: an idle link takes any frame.
	if (link->departure_count > 0 &&
		((c->queue_bytes > 0 &&
			 link->waiting_bytes + frame->total_length > c->queue_bytes) ||
			(c->queue_packets > 0 && link->departure_count >= c->queue_packets)))
		return SHAPE_QUEUE_FULL;
	return SHAPE_SENT;
}

// When the last bit of a frame has left, by exact division: what remains is carried on as long as
// the link stays busy.
static uint64_t queue_enter(struct shape_link *link, uint32_t bytes, uint64_t now_ns)
{
	__uint128_t work;
	uint32_t at;

	if (link->config.rate_bps == 0)
		return now_ns;
	if (link->busy_until_ns < now_ns) {
		link->busy_until_ns = now_ns;
		link->busy_remainder = 0;
	}
	work = (__uint128_t)bytes * 8 * NSEC_PER_SECOND + link->busy_remainder;
	link->busy_until_ns += (uint64_t)(work / link->config.rate_bps);
	link->busy_remainder = (uint64_t)(work % link->config.rate_bps);
	at = (link->departure_first + link->departure_count++) % link->capacity;
	link->departures[at] = (struct departure){link->busy_until_ns, bytes};
	link->waiting_bytes += bytes;
	counter_set(&link->counters.queue_bytes, link->waiting_bytes);
	return link->busy_until_ns;
}

static bool draw(struct shape_link *link, enum stream stream, uint32_t share)
{
	return share > 0 && shape_random_below(&link->random[stream], SHAPE_WHOLE) < share;
}

// Losses in bursts are the two-state chain of Gilbert: everything is lost in the bad state, which
// is left after loss_burst frames on average and entered as often as makes `loss` the share of all.
static bool draw_loss(struct shape_link *link)
{
	const struct shape_config *c = &link->config;

	if (c->loss == 0)
		return false;
	if (c->loss_burst <= 1)
		return draw(link, STREAM_LOSS, c->loss);
	if (link->is_in_burst) {
		link->is_in_burst = !draw(link, STREAM_LOSS, SHAPE_WHOLE / c->loss_burst);
	} else {
		uint64_t enter = (uint64_t)c->loss * SHAPE_WHOLE /
				 ((uint64_t)c->loss_burst * (SHAPE_WHOLE - c->loss));

		link->is_in_burst = draw(link, STREAM_LOSS, (uint32_t)u64_min(enter, SHAPE_WHOLE));
	}
	return link->is_in_burst;
}

static uint64_t jittered_delay(struct shape_link *link)
{
	const struct shape_config *c = &link->config;
	struct shape_random *random = &link->random[STREAM_JITTER];
	int64_t delay = (int64_t)(c->delay_us * NSEC_PER_USEC);
	int64_t jitter = (int64_t)(c->jitter_us * NSEC_PER_USEC);

	if (jitter == 0)
		return (uint64_t)delay;
	if (c->jitter == SHAPE_JITTER_NORMAL)
		delay += (int64_t)((__int128)jitter * shape_random_normal(random) / 65536);
	else
		delay += (int64_t)shape_random_below(random, 2 * (uint64_t)jitter + 1) - jitter;
	return delay > 0 ? (uint64_t)delay : 0;
}

static uint64_t arrival(struct shape_link *link, uint64_t left_ns)
{
	uint64_t arrives;

	if (link->config.delay_us > 0 && draw(link, STREAM_REORDER, link->config.reorder)) {
		counter_add(&link->counters.reordered, 1);
		return left_ns + shape_random_below(&link->random[STREAM_REORDER],
					 link->config.delay_us * NSEC_PER_USEC);
	}
	arrives = left_ns + jittered_delay(link);
	if (arrives < link->last_arrival_ns)
		arrives = link->last_arrival_ns;
	link->last_arrival_ns = arrives;
	return arrives;
}

// A copy in the frame's place; NULL when no buffer is left, and the frame is as it was.
static struct buffer *replace(struct shape_link *link, struct buffer *frame)
{
	struct buffer *copy = impair_copy(frame, link->source);

	if (copy)
		link->source->put(link->source, frame);
	else
		counter_add(&link->counters.not_copied, 1);
	return copy;
}

static struct buffer *mark(struct shape_link *link, struct buffer *frame)
{
	struct buffer *own;
	uint32_t at;

	if (!impair_find_ip(frame, link->config.frame, &at) || !impair_can_mark(frame, at))
		return frame;
	own = frame->references == 1 ? frame : replace(link, frame);
	if (!own)
		return frame;
	impair_mark(own, at);
	counter_add(&link->counters.marked, 1);
	return own;
}

static struct buffer *corrupt(struct shape_link *link, struct buffer *frame)
{
	struct buffer *own;
	uint32_t at;

	// Only what has a checksum over it: a damaged ARP message would be believed.
	if (!impair_find_ip(frame, link->config.frame, &at))
		return frame;
	// What is chained behind a header may be memory that its sender still keeps.
	own = frame->references == 1 && !frame->next ? frame : replace(link, frame);
	if (!own)
		return frame;
	impair_flip(own, at, &link->random[STREAM_CORRUPT]);
	counter_add(&link->counters.corrupted, 1);
	return own;
}

static void duplicate(struct shape_link *link, const struct buffer *frame, uint64_t left_ns)
{
	struct buffer *copy =
		link->count < link->capacity ? impair_copy(frame, link->source) : NULL;

	if (!copy) {
		counter_add(&link->counters.not_copied, 1);
		return;
	}
	counter_add(&link->counters.duplicated, 1);
	flight_add(link, copy, arrival(link, left_ns));
}

static enum shape_verdict refuse(struct shape_link *link, enum shape_verdict verdict)
{
	counter_t *const counters[] = {
		[SHAPE_LOST] = &link->counters.lost,
		[SHAPE_QUEUE_FULL] = &link->counters.queue_full,
		[SHAPE_NO_ROOM] = &link->counters.no_room,
		[SHAPE_TOO_BIG] = &link->counters.too_big,
	};

	counter_add(counters[verdict], 1);
	return verdict;
}

enum shape_verdict shape_link_send(struct shape_link *link, struct buffer *frame, usec_t now)
{
	const struct shape_config *c = &link->config;
	uint64_t now_ns = now * NSEC_PER_USEC;
	enum shape_verdict verdict;
	uint64_t left_ns;
	bool is_marked;

	queue_advance(link, now_ns);
	verdict = queue_admit(link, frame);
	if (verdict != SHAPE_SENT)
		return refuse(link, verdict);
	is_marked = c->mark_bytes > 0 && link->waiting_bytes >= c->mark_bytes;
	left_ns = queue_enter(link, frame->total_length, now_ns);
	// It has taken its time on the link whether it arrives or not.
	if (draw_loss(link))
		return refuse(link, SHAPE_LOST);
	counter_add(&link->counters.sent, 1);
	counter_add(&link->counters.sent_bytes, frame->total_length);
	if (is_marked)
		frame = mark(link, frame);
	if (draw(link, STREAM_CORRUPT, c->corrupt))
		frame = corrupt(link, frame);
	flight_add(link, frame, arrival(link, left_ns));
	if (draw(link, STREAM_DUPLICATE, c->duplicate))
		duplicate(link, frame, left_ns);
	counter_set(&link->counters.under_way, link->count);
	return SHAPE_SENT;
}

uint32_t shape_link_receive(struct shape_link *link, struct buffer **out, uint32_t n, usec_t now)
{
	uint64_t now_ns = now * NSEC_PER_USEC;
	uint32_t taken = 0;

	while (taken < n && link->count > 0 && link->flights[0].arrives_ns <= now_ns)
		out[taken++] = flight_take(link);
	if (taken > 0) {
		queue_advance(link, now_ns);
		counter_add(&link->counters.received, taken);
		counter_set(&link->counters.under_way, link->count);
	}
	return taken;
}

usec_t shape_link_next(const struct shape_link *link)
{
	if (link->count == 0)
		return UINT64_MAX;
	return (link->flights[0].arrives_ns + NSEC_PER_USEC - 1) / NSEC_PER_USEC;
}
