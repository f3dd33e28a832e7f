// SPDX-License-Identifier: BSD-3-Clause
// af_packet:IF: a kernel interface through packet sockets, one a queue, with the virtio-net header
// before each frame: partial checksums and frames up to 64 KiB arrive and leave described.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/bpf/ingress.h"
#include "io/driver.h"
#include "io/interface.h"
#include "io/kernel/packet_ring.h"
#include "io/kernel/slots.h"
#include "io/kernel/vnet.h"
#include "io/mbuf.h"
#include "io/pools.h"

// Newer than the oldest system's header: outgoing frames of the group's own sockets stay away too.
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#	define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

enum {
	RECEIVE_BYTES = 32 << 20, // of the socket's queue: some 400 frames of 64 KiB
	TRANSMIT_BYTES = 8 << 20,
	TRANSMIT_BATCH = 64,
	TRANSMIT_VECTORS = PORT_CHAIN_MAX + 1, // the header and a frame's buffers
};

struct auxiliary {
	_Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
};

struct nx_aligned_line packet_queue {
	int fd;
	struct counts {
		counter_t oversized, malformed, refused, starved, lost;
	} counts; // w: queue owner
	struct packet_ring ring;
	shared_word_t has_ring; // w: control, r: queue owner
	struct slots slots;
	struct auxiliary auxiliary[SLOTS];
	struct mmsghdr receive[SLOTS];
	struct mmsghdr transmit[TRANSMIT_BATCH];
	struct virtio_net_hdr headers[TRANSMIT_BATCH];
	struct iovec vectors[TRANSMIT_BATCH][TRANSMIT_VECTORS];
};

struct af_packet {
	uint16_t queue_count;
	int ingress; // the link of the program that spares the kernel, or -1
	struct packet_queue *queues[MAX_QUEUES];
	uint64_t dropped; // what the sockets told so far: each reading clears their own count
};

static uint32_t vlan_read(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		struct tpacket_auxdata aux;

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		return packet_vlan(aux.tp_status, aux.tp_vlan_tpid, aux.tp_vlan_tci);
	}
	return 0;
}

static struct buffer *frame_take(struct packet_queue *q, uint16_t i)
{
	struct mmsghdr *m = &q->receive[i];
	uint32_t vlan = vlan_read(&m->msg_hdr);
	bool truncated = m->msg_hdr.msg_flags & MSG_TRUNC;
	struct buffer *b;

	m->msg_hdr.msg_controllen = sizeof(q->auxiliary[i].bytes);
	if (truncated || m->msg_len <= sizeof(struct virtio_net_hdr)) {
		counter_add(truncated ? &q->counts.oversized : &q->counts.malformed, 1);
		return NULL;
	}
	b = slots_take(&q->slots, i, m->msg_len - (uint32_t)sizeof(struct virtio_net_hdr), vlan);
	if (!b)
		counter_add(&q->counts.malformed, 1);
	return b;
}

// Up to n frames out of the socket's queue. read: how many left the queue, those that are no use
// included.
static uint16_t queue_receive(
	struct packet_queue *q, struct buffer **out, uint16_t n, uint16_t *read)
{
	uint16_t ready = slots_fill(&q->slots, (uint16_t)u32_min(n, SLOTS));
	uint16_t count = 0;
	int got;

	*read = 0;
	if (nx_unlikely(ready == 0)) {
		counter_add(&q->counts.starved, 1);
		return 0;
	}
	// An error that the socket kept is read by this call and gone: the interface went down, or
	// the header has no words for a frame, which is then lost.
	got = recvmmsg(q->fd, q->receive, ready, MSG_DONTWAIT, NULL);
	if (nx_unlikely(got < 0 && errno == EINVAL)) {
		counter_add(&q->counts.malformed, 1);
		*read = 1;
	}
	for (int i = 0; i < got; i++) {
		struct buffer *b = frame_take(q, (uint16_t)i);

		if (b)
			out[count++] = b;
	}
	if (got > 0)
		*read = (uint16_t)got;
	return count;
}

// Frames that are too large for the ring: as many slots, in the same order, as the queue has.
static uint16_t queued_receive(struct packet_queue *q, struct buffer **out, uint16_t n)
{
	uint16_t wanted = 1, read;
	uint16_t count;

	while (wanted < n && wanted < SLOTS &&
		packet_ring_peek(&q->ring, wanted) == PACKET_RING_QUEUED)
		wanted++;
	count = queue_receive(q, out, wanted, &read);
	for (; read > 0; read--)
		packet_ring_advance(&q->ring);
	return count;
}

static uint16_t ring_receive(struct packet_queue *q, struct buffer **out, uint16_t n)
{
	uint16_t count = 0;

	while (count < n) {
		enum packet_ring_slot slot = packet_ring_peek(&q->ring, 0);
		struct buffer *frame;

		if (slot == PACKET_RING_EMPTY)
			break;
		if (slot == PACKET_RING_QUEUED) {
			uint16_t got = queued_receive(q, out + count, n - count);

			count += got;
			if (got == 0)
				break;
			continue;
		}
		if (nx_unlikely(slot == PACKET_RING_LOST)) {
			counter_add(&q->counts.lost, 1);
			packet_ring_advance(&q->ring);
			continue;
		}
		frame = pool_buffer_get(q->slots.small_pool);
		if (nx_unlikely(!frame)) {
			counter_add(&q->counts.starved, 1);
			break;
		}
		out[count] = packet_ring_take(&q->ring, frame);
		packet_ring_advance(&q->ring);
		if (nx_likely(out[count] != NULL))
			count++;
		else
			counter_add(&q->counts.malformed, 1);
	}
	return count;
}

static uint16_t af_packet_receive(
	struct port *port, uint16_t queue, struct buffer **out, uint16_t n)
{
	struct af_packet *driver = port->driver;
	struct packet_queue *q = driver->queues[queue];
	uint16_t read;

	return shared_word_load(&q->has_ring) ? ring_receive(q, out, n)
					      : queue_receive(q, out, n, &read);
}

// Lays out up to n frames for sendmmsg; stops before one that cannot be laid out.
static uint16_t frames_lay_out(struct packet_queue *q, struct buffer **frames, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n && i < TRANSMIT_BATCH; i++) {
		struct msghdr *m = &q->transmit[i].msg_hdr;
		uint32_t vectors =
			frame_vectors(frames[i], q->vectors[i] + 1, TRANSMIT_VECTORS - 1);

		if (vectors == 0)
			break;
		vnet_transmit(frames[i], &q->headers[i]);
		m->msg_iovlen = vectors + 1;
	}
	return i;
}

static uint16_t af_packet_transmit(
	struct port *port, uint16_t queue, struct buffer **frames, uint16_t n)
{
	struct af_packet *driver = port->driver;
	struct packet_queue *q = driver->queues[queue];
	uint16_t done = 0;

	while (done < n) {
		uint16_t ready = frames_lay_out(q, frames + done, n - done);
		int sent = ready ? sendmmsg(q->fd, q->transmit, ready, MSG_DONTWAIT) : -1;

		// The socket's queue is full: the rest stays the caller's.
		if (sent < 0 && ready && (errno == EAGAIN || errno == EINTR))
			break;
		// What the device refuses is dropped, or it would be offered for ever.
		if (sent < 0) {
			counter_add(&q->counts.refused, 1);
			sent = 1;
		}
		for (int i = 0; i < sent; i++)
			mbuf_chain_put(frames[done++]);
	}
	return done;
}

static int af_packet_wakeup_fd(struct port *port, uint16_t queue)
{
	struct af_packet *driver = port->driver;

	return driver->queues[queue]->fd;
}

static void af_packet_link(struct port *port, bool *up, uint64_t *speed_bps)
{
	*speed_bps = interface_speed(port->interface);
	if (interface_is_up(port->interface, up) < 0)
		*up = false;
}

static void af_packet_counters(struct port *port)
{
	struct af_packet *driver = port->driver;
	uint64_t oversized = 0, malformed = 0, refused = 0, starved = 0, lost = 0;

	for (uint16_t i = 0; i < driver->queue_count; i++) {
		struct packet_queue *q = driver->queues[i];
		struct tpacket_stats statistics; // since the last reading
		socklen_t size = sizeof(statistics);

		oversized += counter_read(&q->counts.oversized);
		malformed += counter_read(&q->counts.malformed);
		refused += counter_read(&q->counts.refused);
		starved += counter_read(&q->counts.starved);
		lost += counter_read(&q->counts.lost);
		if (getsockopt(q->fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) == 0)
			driver->dropped += statistics.tp_drops;
	}
	counter_set(&port->oversized, oversized);
	counter_set(&port->malformed, malformed);
	counter_set(&port->refused, refused);
	counter_set(&port->starved, starved);
	counter_set(&port->missed, driver->dropped + lost);
}

static void queue_messages_init(struct packet_queue *q)
{
	for (uint16_t i = 0; i < SLOTS; i++)
		q->receive[i].msg_hdr = (struct msghdr){
			.msg_iov = q->slots.vectors[i],
			.msg_iovlen = q->slots.large_pool ? SLOT_VECTORS : SLOT_VECTORS - 1,
			.msg_control = q->auxiliary[i].bytes,
			.msg_controllen = sizeof(q->auxiliary[i].bytes),
		};
	for (uint16_t i = 0; i < TRANSMIT_BATCH; i++) {
		q->vectors[i][0] = (struct iovec){
			.iov_base = &q->headers[i], .iov_len = sizeof(q->headers[i])};
		q->transmit[i].msg_hdr = (struct msghdr){.msg_iov = q->vectors[i]};
	}
}

// FORCE needs CAP_NET_ADMIN; without it the system's limit applies.
static void socket_room_set(int fd)
{
	int receive = RECEIVE_BYTES, transmit = TRANSMIT_BYTES;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof(receive)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof(receive));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &transmit, sizeof(transmit)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &transmit, sizeof(transmit));
}

// Solicitations for our IPv6 addresses go to groups that the kernel has not joined: a network card
// would leave them out. An interface that filters nothing may refuse, and need not know.
static void socket_receive_groups(int fd, int ifindex)
{
	struct packet_mreq all = {.mr_ifindex = ifindex, .mr_type = PACKET_MR_ALLMULTI};

	(void)setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all));
}

// A packet socket bound to the interface; without `receives` it only sends, without ring it gets
// none.
static int socket_open(int ifindex, bool receives, struct packet_ring *ring, int *out)
{
	int one = 1;
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = receives ? htons(ETH_P_ALL) : 0,
		.sll_ifindex = ifindex,
	};
	// Protocol 0: nothing arrives before the socket is bound to its interface.
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int result;

	if (fd < 0)
		return -errno;
	socket_room_set(fd);
	// No PACKET_QDISC_BYPASS: it drops a frame that the kernel has to cut for its device.
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) < 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) < 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0) {
		result = -errno;
		close(fd);
		return result;
	}
	// Before the first frame. Without a ring all frames are queued.
	if (ring && packet_ring_map(fd, ring) < 0)
		*ring = (struct packet_ring){0};
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		result = -errno;
		if (ring)
			packet_ring_unmap(ring);
		close(fd);
		return result;
	}
	if (receives)
		socket_receive_groups(fd, ifindex);
	*out = fd;
	return 0;
}

// Joins the receiving sockets: the kernel spreads flows over them, both directions alike.
static int sockets_join(const int *fds, uint16_t count)
{
	uint32_t kind = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
	uint32_t group = (kind | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
	socklen_t size = sizeof(group);

	for (uint16_t i = 0; count > 1 && i < count; i++) {
		if (setsockopt(fds[i], SOL_PACKET, PACKET_FANOUT, &group, sizeof(group)) < 0)
			return -errno;
		if (i > 0)
			continue;
		// The first one made a group with a number of its own; the others join that.
		if (getsockopt(fds[0], SOL_PACKET, PACKET_FANOUT, &group, &size) < 0)
			return -errno;
		group = (group & 0xffff) | kind << 16;
	}
	return 0;
}

static void sockets_close(const int *fds, struct packet_ring *rings, uint16_t count)
{
	while (count > 0) {
		count--;
		if (rings)
			packet_ring_unmap(&rings[count]);
		close(fds[count]);
	}
}

// rings: of each socket, or NULL.
static int sockets_open(
	const struct port *port, uint16_t count, int ifindex, struct packet_ring *rings, int *fds)
{
	uint16_t opened = 0;
	int result = 0;

	for (; opened < count && result == 0; opened++)
		result = socket_open(ifindex, opened < port->receive_queues,
			rings && opened < port->receive_queues ? &rings[opened] : NULL,
			&fds[opened]);
	if (result < 0)
		opened--;
	else
		result = sockets_join(fds, port->receive_queues);
	if (result == 0)
		return 0;
	sockets_close(fds, rings, opened);
	return result;
}

static void af_packet_free(struct af_packet *driver)
{
	for (uint16_t i = 0; i < driver->queue_count; i++) {
		packet_ring_unmap(&driver->queues[i]->ring);
		close(driver->queues[i]->fd);
		slots_fini(&driver->queues[i]->slots);
		free(driver->queues[i]);
	}
	free(driver);
}

// Without it the port works as well, but the kernel walks every frame once more.
static void kernel_spare(struct port *port)
{
	struct af_packet *driver = port->driver;

	port->spare_error = ingress_attach(port->ifindex, &driver->ingress);
	port->kernel_spared = port->spare_error == 0;
}

static void kernel_spare_end(struct port *port)
{
	struct af_packet *driver = port->driver;

	port->kernel_spared = false;
	if (driver->ingress >= 0)
		ingress_detach(driver->ingress);
	driver->ingress = -1;
}

static void af_packet_addresses(struct port *port, const struct snapshot *snapshot)
{
	const struct af_packet *driver = port->driver;

	if (driver->ingress < 0)
		return;
	port->spare_error =
		ingress_addresses_set(driver->ingress, port->ifindex, snapshot, port->index);
	port->kernel_spared = port->spare_error == 0;
}

static void af_packet_close(struct port *port)
{
	kernel_spare_end(port);
	af_packet_free(port->driver);
	port->driver = NULL;
}

// A socket that is in no group may be bound again, and stays in whatever set polls it.
static int sockets_bind_again(const struct port *port, int ifindex)
{
	struct af_packet *driver = port->driver;

	for (uint16_t i = 0; i < driver->queue_count; i++) {
		struct sockaddr_ll address = {
			.sll_family = AF_PACKET,
			.sll_protocol = i < port->receive_queues ? htons(ETH_P_ALL) : 0,
			.sll_ifindex = ifindex,
		};

		if (bind(driver->queues[i]->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
			return -errno;
		if (i < port->receive_queues)
			socket_receive_groups(driver->queues[i]->fd, ifindex);
	}
	return 0;
}

// The new sockets take the numbers of the old ones: a worker in the middle of a call sees one or
// the other. Whoever polls them must add them again. The old rings stay mapped until the port is
// closed, as a worker may be reading one; the new sockets do without.
static int sockets_replace(const struct port *port, int ifindex)
{
	struct af_packet *driver = port->driver;
	int fds[MAX_QUEUES] = {0};
	int result = sockets_open(port, driver->queue_count, ifindex, NULL, fds);

	if (result < 0)
		return result;
	for (uint16_t i = 0; i < driver->queue_count; i++) {
		if (dup3(fds[i], driver->queues[i]->fd, O_CLOEXEC) < 0 && result == 0)
			result = -errno;
		close(fds[i]);
		shared_word_store(&driver->queues[i]->has_ring, 0);
	}
	return result;
}

static int af_packet_reopen(struct port *port)
{
	int ifindex = interface_index(port->interface);
	int result;

	// The interface may live on, under another name or in another namespace.
	kernel_spare_end(port);
	if (ifindex == 0)
		return -ENODEV;
	result = interface_mac(port->interface, &port->mac);
	if (result < 0)
		return result;
	result = port->receive_queues > 1 ? sockets_replace(port, ifindex)
					  : sockets_bind_again(port, ifindex);
	if (result < 0)
		return result;
	port->ifindex = ifindex;
	kernel_spare(port);
	return 0;
}

static const struct port_ops af_packet_ops = {
	.kind = "af_packet",
	.receive = af_packet_receive,
	.transmit = af_packet_transmit,
	.wakeup_fd = af_packet_wakeup_fd,
	.link = af_packet_link,
	.close = af_packet_close,
	.reopen = af_packet_reopen,
	.counters = af_packet_counters,
	.addresses = af_packet_addresses,
};

static struct af_packet *af_packet_create(const struct port_request *request, const int *fds,
	const struct packet_ring *rings, uint16_t count)
{
	struct af_packet *driver = calloc(1, sizeof(*driver));

	if (!driver)
		return NULL;
	for (uint16_t i = 0; i < count; i++) {
		struct packet_queue *q = aligned_alloc(CACHE_LINE, sizeof(*q));

		if (!q) {
			while (i > 0)
				free(driver->queues[--i]);
			free(driver);
			return NULL;
		}
		memset(q, 0, sizeof(*q));
		q->fd = fds[i];
		q->ring = rings[i];
		shared_word_store(&q->has_ring, rings[i].slots != NULL);
		slots_init(&q->slots, request->small, request->large);
		queue_messages_init(q);
		driver->queues[i] = q;
	}
	driver->queue_count = count;
	driver->ingress = -1;
	return driver;
}

static void queues_choose(const struct port_request *request, struct port *port)
{
	port->receive_queues = (uint16_t)u32_min(request->queues ? request->queues : 1, MAX_QUEUES);
	port->transmit_queues = (uint16_t)u32_min(
		request->transmit_queues ? request->transmit_queues : 1, MAX_QUEUES);
}

int af_packet_open(const struct port_request *request, const char *argument, struct port *port,
	char *error, size_t error_size)
{
	struct packet_ring rings[MAX_QUEUES] = {0};
	int fds[MAX_QUEUES] = {0};
	uint16_t count;
	int result;

	port->ifindex = interface_index(argument);
	if (port->ifindex == 0)
		return port_error(request, -ENODEV, error, error_size,
			"no such interface; `ip link` lists them");
	snprintf(port->interface, sizeof(port->interface), "%s", argument);
	result = interface_mac(argument, &port->mac);
	if (result < 0)
		return port_error(request, result, error, error_size,
			"cannot read its MAC address (%s)", strerror(-result));
	queues_choose(request, port);
	count = port->receive_queues > port->transmit_queues ? port->receive_queues
							     : port->transmit_queues;
	result = sockets_open(port, count, port->ifindex, rings, fds);
	if (result == -EPERM || result == -EACCES)
		return port_error(request, result, error, error_size,
			"no permission to open a packet socket; run as root or with "
			"CAP_NET_RAW and CAP_NET_ADMIN");
	if (result < 0)
		return port_error(request, result, error, error_size,
			"cannot open a packet socket (%s)", strerror(-result));
	port->driver = af_packet_create(request, fds, rings, count);
	if (!port->driver) {
		sockets_close(fds, rings, count);
		return port_error(request, -ENOMEM, error, error_size, "out of memory");
	}
	port->ops = &af_packet_ops;
	port->capabilities = PORT_TX_L4_CHECKSUM | PORT_TX_SEGMENT | PORT_TX_SEGMENT_UDP |
			     PORT_TX_CHAINS | PORT_RX_CHECKSUM | PORT_KERNEL |
			     (port->receive_queues > 1 ? PORT_RSS : 0);
	port->max_frame = MAX_FRAME;
	kernel_spare(port);
	return 0;
}
