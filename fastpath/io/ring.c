// SPDX-License-Identifier: BSD-3-Clause
#include "io/ring.h"

#include <rte_errno.h>
#include <rte_ring.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io/driver.h"
#include "io/mbuf.h"

enum {
	RING_FRAMES = 2048,
	RING_BATCH = 64,
	ETHERNET_BYTES = 14,
	RING_ABILITIES = PORT_TX_IP_CHECKSUM | PORT_TX_L4_CHECKSUM | PORT_TX_SEGMENT |
			 PORT_TX_SEGMENT_UDP | PORT_TX_CHAINS | PORT_RX_CHECKSUM,
};

// How a receive queue that sleeps is woken: whoever moves ARMED to SIGNALLED writes the descriptor.
enum wake_state {
	WAKE_OFF = 0,
	WAKE_IDLE,
	WAKE_ARMED,
	WAKE_SIGNALLED
};

struct nx_aligned_line ring_queue {
	struct rte_ring
		*from[MAX_QUEUES]; // by the far side's transmit queue; one writer, one reader
	uint16_t writers;
	uint16_t next;      // reader: ring to begin with
	int wake_fd;        // -1 until asked for
	shared_word_t wake; // enum wake_state
	// Frames that this end's transmit queue of the same number lost. w: its owner
	counter_t lost;
};

// One side of a pair; queues hold what its port receives.
struct ring_end {
	struct ring_pair *pair;
	uint16_t receive_queues;
	uint16_t transmit_queues;
	struct port *port; // NULL: nobody opened this end
	struct ring_queue queues[MAX_QUEUES];
};

struct ring_pair {
	char name[NAME_BYTES]; // "" = far side in hand
	struct ring_pair *next;
	shared_word_t joined; // both ends' rings exist
	struct ring_end ends[2];
};

static struct ring_pair *pairs; // control thread

static struct ring_end *end_of(const struct port *port)
{
	return port->driver;
}

static struct ring_end *peer_of(struct ring_end *end)
{
	return &end->pair->ends[end == end->pair->ends];
}

static uint16_t queue_receive(struct ring_queue *q, struct buffer **out, uint16_t n)
{
	uint16_t count = 0;

	for (uint16_t i = 0; i < q->writers && count < n; i++) {
		uint16_t from = q->next;

		q->next = (uint16_t)(from + 1 < q->writers ? from + 1 : 0);
		count += (uint16_t)rte_ring_sc_dequeue_burst(
			q->from[from], (void **)(out + count), n - count, NULL);
	}
	return count;
}

static bool queue_has_frames(const struct ring_queue *q)
{
	for (uint16_t i = 0; i < q->writers; i++)
		if (!rte_ring_empty(q->from[i]))
			return true;
	return false;
}

// The reader is awake: no wake-up until it arms again.
static void queue_disarm(struct ring_queue *q)
{
	uint64_t signals;

	if (shared_word_claim(&q->wake, WAKE_ARMED, WAKE_IDLE))
		return;
	if (read(q->wake_fd, &signals, sizeof(signals)) >= 0 || errno == EAGAIN)
		shared_word_store(&q->wake, WAKE_IDLE);
}

static void queue_wake(struct ring_queue *q)
{
	uint64_t one = 1;

	if (shared_word_load(&q->wake) == WAKE_OFF)
		return;
	shared_fence();
	// A counter of one writer a round never overflows: the write cannot fail.
	if (shared_word_claim(&q->wake, WAKE_ARMED, WAKE_SIGNALLED) &&
		write(q->wake_fd, &one, sizeof(one)) < 0)
		nx_bug_on(errno != EAGAIN);
}

static uint16_t ring_receive(struct port *port, uint16_t queue, struct buffer **out, uint16_t n)
{
	struct ring_queue *q = &end_of(port)->queues[queue];
	uint64_t wake = shared_word_load(&q->wake);

	if (wake == WAKE_ARMED || wake == WAKE_SIGNALLED)
		queue_disarm(q);
	if (!shared_word_load(&end_of(port)->pair->joined))
		return 0;
	return queue_receive(q, out, n);
}

// The one header sum that a link must complete itself: nobody down the line sums an IPv4 header.
static void ip_checksum_fill(struct buffer *b)
{
	uint16_t l3 = buffer_l3_length(b);
	uint8_t *ip = buffer_data(b) + buffer_l2_length(b);
	uint32_t sum = 0;

	be16_store(ip + 10, 0);
	for (uint16_t i = 0; i < l3; i += 2)
		sum += be16_to_host(be16_load(ip + i));
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	be16_store(ip + 10, be16_from_host((uint16_t)~sum));
}

// What the sender asked of the device becomes what the receiver is told.
static void marks_turn(struct buffer *b)
{
	uint64_t asked = b->offload;
	uint64_t told = 0;

	if (asked & BUFFER_TX_CHECKSUM_UDP)
		told |= BUFFER_RX_CHECKSUM_PARTIAL;
	if (asked & (BUFFER_TX_SEGMENT_TCP | BUFFER_TX_SEGMENT_UDP))
		told |= BUFFER_RX_LRO;
	if (asked & BUFFER_TX_IP_CHECKSUM) {
		ip_checksum_fill(b);
		told |= BUFFER_RX_IP_GOOD;
	}
	if (!(told & BUFFER_RX_LRO))
		b->transmit = 0;
	b->offload = told;
}

static void marks_turn_all(struct buffer **frames, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		if (nx_likely(frames[i]->offload == 0))
			frames[i]->transmit = 0;
		else
			marks_turn(frames[i]);
	}
}

// A flow's queue, the same for both directions. Frames without ports go to queue 0.
static uint16_t queue_of(const struct buffer *b, uint16_t queues)
{
	struct cursor c = cursor_over(buffer_data(b), b->length);
	const uint8_t *ip;
	const uint8_t *ports;
	uint16_t type;
	uint32_t hash = 0;
	uint32_t addresses;

	if (queues == 1 || !cursor_skip(&c, 12) || !cursor_take_u16(&c, &type))
		return 0;
	if (type == 0x8100 && (!cursor_skip(&c, 2) || !cursor_take_u16(&c, &type)))
		return 0;
	if (type == 0x0800) {
		if (!cursor_take_span(&c, 20, &ip) ||
			!cursor_skip(
				&c, (size_t)((ip[0] & 0x0f) < 5 ? 0 : (ip[0] & 0x0f) * 4 - 20)))
			return 0;
		ip += 12;
		addresses = 8;
	} else if (type == 0x86dd) {
		if (!cursor_take_span(&c, 40, &ip))
			return 0;
		ip += 8;
		addresses = 32;
	} else {
		return 0;
	}
	for (uint32_t i = 0; i < addresses; i += 4)
		hash ^= be32_to_host(be32_load(ip + i));
	if (cursor_take_span(&c, 4, &ports))
		// Added, not mixed in: an address and a port that count up together must not
		// cancel.
		hash = hash * 31 + ((uint32_t)be16_to_host(be16_load(ports)) ^
					   be16_to_host(be16_load(ports + 2)));
	hash *= 0x9e3779b1;
	return (uint16_t)(((uint64_t)hash * queues) >> 32);
}

// Each frame to the queue of its flow. A full queue loses its own frames only; returns how many.
static uint16_t frames_spread(
	struct ring_end *peer, uint16_t writer, struct buffer **frames, uint16_t n, bool *touched)
{
	uint16_t lost = 0;

	for (uint16_t i = 0; i < n; i++) {
		uint16_t to = queue_of(frames[i], peer->receive_queues);

		marks_turn(frames[i]);
		if (rte_ring_sp_enqueue(peer->queues[to].from[writer], frames[i]) == 0) {
			touched[to] = true;
		} else {
			mbuf_chain_put(frames[i]);
			lost++;
		}
	}
	return lost;
}

static uint16_t ring_transmit(struct port *port, uint16_t queue, struct buffer **frames, uint16_t n)
{
	struct ring_end *peer = peer_of(end_of(port));
	counter_t *lost = &end_of(port)->queues[queue].lost;
	bool touched[MAX_QUEUES] = {false};

	// Like a cable that is not plugged in.
	if (!shared_word_load(&port->up) || !shared_word_load(&peer->pair->joined)) {
		rte_pktmbuf_free_bulk((struct rte_mbuf **)(void *)frames, n);
		counter_add(lost, n);
		return n;
	}
	if (peer->receive_queues > 1 && peer->pair->name[0]) {
		counter_add(lost, frames_spread(peer, queue, frames, n, touched));
		for (uint16_t i = 0; i < peer->receive_queues; i++)
			if (touched[i])
				queue_wake(&peer->queues[i]);
		return n;
	}
	struct ring_queue *q = &peer->queues[peer->pair->name[0] ? 0 : queue];
	struct rte_ring *ring = q->from[peer->pair->name[0] ? queue : 0];

	n = (uint16_t)u32_min(n, rte_ring_free_count(ring));
	marks_turn_all(frames, n);
	n = (uint16_t)rte_ring_sp_enqueue_burst(ring, (void *const *)frames, n, NULL);
	queue_wake(q);
	return n;
}

static int ring_wakeup_fd(struct port *port, uint16_t queue)
{
	struct ring_queue *q = &end_of(port)->queues[queue];

	if (q->wake_fd < 0) {
		q->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (q->wake_fd >= 0)
			shared_word_store(&q->wake, WAKE_IDLE);
	}
	return q->wake_fd;
}

static bool ring_arm(struct port *port, uint16_t queue)
{
	struct ring_queue *q = &end_of(port)->queues[queue];

	shared_word_store(&q->wake, WAKE_ARMED);
	shared_fence();
	return shared_word_load(&end_of(port)->pair->joined) && queue_has_frames(q);
}

static void ring_link(struct port *port, bool *up, uint64_t *speed_bps)
{
	*up = shared_word_load(&end_of(port)->pair->joined);
	*speed_bps = 0;
}

static void queue_drain(struct ring_queue *q)
{
	struct buffer *frames[RING_BATCH];
	uint16_t n;

	while ((n = queue_receive(q, frames, RING_BATCH)) > 0)
		rte_pktmbuf_free_bulk((struct rte_mbuf **)(void *)frames, n);
}

static void end_free(struct ring_end *end)
{
	for (uint16_t i = 0; i < MAX_QUEUES; i++) {
		struct ring_queue *q = &end->queues[i];

		queue_drain(q);
		for (uint16_t w = 0; w < q->writers; w++)
			rte_ring_free(q->from[w]);
		if (q->wake_fd >= 0)
			close(q->wake_fd);
	}
}

static void pair_free(struct ring_pair *pair)
{
	for (struct ring_pair **p = &pairs; *p; p = &(*p)->next)
		if (*p == pair) {
			*p = pair->next;
			break;
		}
	end_free(&pair->ends[0]);
	end_free(&pair->ends[1]);
	free(pair);
}

// Frames that the peer still puts in are freed with the pair, or received by the next port here.
static void ring_close(struct port *port)
{
	struct ring_end *end = end_of(port);
	struct ring_pair *pair = end->pair;

	end->port = NULL;
	if (peer_of(end)->port) {
		shared_word_store(&pair->joined, false);
		shared_word_store(&peer_of(end)->port->up, false);
		for (uint16_t i = 0; i < end->receive_queues; i++)
			queue_drain(&end->queues[i]);
		return;
	}
	pair_free(pair);
}

static int ring_reopen(struct port *port)
{
	return shared_word_load(&end_of(port)->pair->joined) ? 0 : -ENOTCONN;
}

static void ring_counters(struct port *port)
{
	uint64_t lost = 0;

	for (uint16_t i = 0; i < MAX_QUEUES; i++)
		lost += counter_read(&end_of(port)->queues[i].lost);
	counter_set(&port->refused, lost);
}

static const struct port_ops ring_ops = {
	.kind = "ring",
	.receive = ring_receive,
	.transmit = ring_transmit,
	.wakeup_fd = ring_wakeup_fd,
	.arm = ring_arm,
	.link = ring_link,
	.close = ring_close,
	.reopen = ring_reopen,
	.counters = ring_counters,
};

static int queue_create(struct ring_queue *q, uint16_t writers)
{
	static unsigned serial; // control thread

	while (q->writers < writers) {
		char name[RTE_RING_NAMESIZE];
		struct rte_ring *ring;

		snprintf(name, sizeof(name), "nexpath_port_%u", serial++);
		ring = rte_ring_create(
			name, RING_FRAMES, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (!ring)
			return -(rte_errno ? rte_errno : ENOMEM);
		q->from[q->writers++] = ring;
	}
	return 0;
}

// Rings into `end`: one for each of its queues and, in a named pair, each transmit queue of its
// peer.
static int end_create(struct ring_end *end, uint16_t writers)
{
	int result = 0;

	for (uint16_t i = 0; i < end->receive_queues && result == 0; i++)
		result = queue_create(&end->queues[i], writers);
	return result;
}

static struct ring_pair *pair_create(const char *name)
{
	struct ring_pair *pair = aligned_alloc(CACHE_LINE, sizeof(*pair));

	if (!pair)
		return NULL;
	memset(pair, 0, sizeof(*pair));
	snprintf(pair->name, sizeof(pair->name), "%s", name);
	for (uint16_t i = 0; i < 2 * MAX_QUEUES; i++)
		pair->ends[i / MAX_QUEUES].queues[i % MAX_QUEUES].wake_fd = -1;
	pair->ends[0].pair = pair;
	pair->ends[1].pair = pair;
	pair->next = pairs;
	pairs = pair;
	return pair;
}

static struct ring_pair *pair_find(const char *name)
{
	struct ring_pair *pair = pairs;

	while (pair && (!*name || strcmp(pair->name, name) != 0))
		pair = pair->next;
	return pair;
}

// Joins an end that just opened to its peer, if that is there.
static int pair_join(struct ring_end *end)
{
	struct ring_end *peer = peer_of(end);
	bool far = !end->pair->name[0];
	int result;

	if (far) {
		peer->receive_queues = end->transmit_queues;
		peer->transmit_queues = end->receive_queues;
	} else if (!peer->port) {
		return 0;
	}
	result = end_create(end, far ? 1 : peer->transmit_queues);
	if (result == 0)
		result = end_create(peer, far ? 1 : end->transmit_queues);
	if (result < 0)
		return result;
	shared_word_store(&end->pair->joined, true);
	if (!far)
		shared_word_store(&peer->port->up, true);
	return 0;
}

// Numbers of queues are fixed once rings of that shape exist.
static bool end_fits(const struct ring_end *end, const struct port *port)
{
	return end->receive_queues == 0 || (end->receive_queues == port->receive_queues &&
						   end->transmit_queues == port->transmit_queues);
}

static void ring_mac(struct port *port)
{
	static uint32_t serial; // control thread

	serial++;
	// Locally administered.
	port->mac = (struct mac_address){.bytes = {0x02, 0x6e, 0x78, (uint8_t)(serial >> 16),
						 (uint8_t)(serial >> 8), (uint8_t)serial}};
}

int ring_open(const struct port_request *request, const char *argument, struct port *port,
	char *error, size_t error_size)
{
	struct ring_pair *pair = pair_find(argument);
	struct ring_end *end;
	int result;

	port->receive_queues = (uint16_t)u32_min(request->queues ? request->queues : 1, MAX_QUEUES);
	port->transmit_queues = (uint16_t)u32_min(
		request->transmit_queues ? request->transmit_queues : 1, MAX_QUEUES);
	if (!pair)
		pair = pair_create(argument);
	if (!pair)
		return port_error(request, -ENOMEM, error, error_size, "out of memory");
	end = &pair->ends[pair->ends[0].port != NULL];
	if (end->port)
		return port_error(request, -EBUSY, error, error_size,
			"both ends are taken; give the pair another name");
	if (!end_fits(end, port))
		return port_error(request, -EBUSY, error, error_size,
			"was open with other numbers of queues; close its peer first");
	end->receive_queues = port->receive_queues;
	end->transmit_queues = port->transmit_queues;
	end->port = port;
	for (uint16_t i = 0; i < MAX_QUEUES; i++)
		counter_set(&end->queues[i].lost, 0);
	result = pair_join(end);
	if (result < 0) {
		port->driver = end;
		ring_close(port);
		return port_error(request, result, error, error_size,
			"no memory for its rings (%s); reserve more hugepages", strerror(-result));
	}
	port->ops = &ring_ops;
	port->driver = end;
	port->max_frame = MAX_FRAME;
	port->capabilities = RING_ABILITIES | (port->receive_queues > 1 ? PORT_RSS : 0);
	ring_mac(port);
	return 0;
}

uint16_t ring_port_far_transmit(
	struct port *port, uint16_t queue, struct buffer **frames, uint16_t n)
{
	struct ring_queue *q = &end_of(port)->queues[queue];

	n = (uint16_t)rte_ring_sp_enqueue_burst(q->from[0], (void *const *)frames, n, NULL);
	queue_wake(q);
	return n;
}

uint16_t ring_port_far_receive(struct port *port, uint16_t queue, struct buffer **out, uint16_t n)
{
	return queue_receive(&peer_of(end_of(port))->queues[queue], out, n);
}

void ring_port_set_capabilities(struct port *port, uint32_t capabilities)
{
	port->capabilities =
		(port->capabilities & ~(uint32_t)RING_ABILITIES) | (capabilities & RING_ABILITIES);
	port->max_frame = capabilities & PORT_TX_SEGMENT ? MAX_FRAME
							 : (uint32_t)port->mtu + ETHERNET_BYTES + 4;
}
