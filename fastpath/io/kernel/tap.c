// SPDX-License-Identifier: BSD-3-Clause
// tap:IF: the far end of a kernel tap interface, one descriptor a queue, with the virtio-net header
// before each frame. The interface is made if there is none, and then goes when the port is closed.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "io/driver.h"
#include "io/interface.h"
#include "io/kernel/slots.h"
#include "io/kernel/vnet.h"
#include "io/mbuf.h"

// Segmentation of UDP, Linux 6.2 and later.
#ifndef TUN_F_USO4
#	define TUN_F_USO4 0x20
#	define TUN_F_USO6 0x40
#endif

enum {
	TAP_VECTORS = PORT_CHAIN_MAX + 1 // the header and a frame's buffers
};

struct nx_aligned_line tap_queue {
	int fd;
	counter_t oversized, malformed, refused, starved; // w: queue owner
	struct slots slots;
};

struct tap {
	uint16_t queue_count;
	struct tap_queue *queues[MAX_QUEUES];
	uint64_t dropped_seen; // of the interface's own count
};

static struct buffer *frame_read(struct tap_queue *q)
{
	struct slots *s = &q->slots;
	uint32_t vectors = s->large_pool ? SLOT_VECTORS : SLOT_VECTORS - 1;
	uint32_t header = sizeof(s->headers[0]);
	ssize_t got = readv(q->fd, s->vectors[0], (int)vectors);
	struct buffer *b;

	if (got < 0)
		return NULL;
	// The kernel cuts what does not fit and tells only that the room was filled.
	if ((uint32_t)got >= header + slots_room(s)) {
		counter_add(&q->oversized, 1);
		return NULL;
	}
	b = (uint32_t)got > header ? slots_take(s, 0, (uint32_t)got - header, 0) : NULL;
	if (!b)
		counter_add(&q->malformed, 1);
	return b;
}

static uint16_t tap_receive(struct port *port, uint16_t queue, struct buffer **out, uint16_t n)
{
	struct tap *driver = port->driver;
	struct tap_queue *q = driver->queues[queue];
	uint16_t count = 0;

	while (count < n) {
		struct buffer *b;

		if (nx_unlikely(slots_fill(&q->slots, 1) == 0)) {
			counter_add(&q->starved, 1);
			break;
		}
		b = frame_read(q);
		if (!b)
			break;
		out[count++] = b;
	}
	return count;
}

// True if the frame is done with: sent, or refused by the device.
static bool frame_write(struct tap_queue *q, struct buffer *frame)
{
	struct virtio_net_hdr header;
	struct iovec vectors[TAP_VECTORS] = {{.iov_base = &header, .iov_len = sizeof(header)}};
	uint32_t n = frame_vectors(frame, vectors + 1, TAP_VECTORS - 1);

	vnet_transmit(frame, &header);
	if (n == 0 || writev(q->fd, vectors, (int)n + 1) < 0) {
		if (n != 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		counter_add(&q->refused, 1);
	}
	mbuf_chain_put(frame);
	return true;
}

static uint16_t tap_transmit(struct port *port, uint16_t queue, struct buffer **frames, uint16_t n)
{
	struct tap *driver = port->driver;
	struct tap_queue *q = driver->queues[queue];
	uint16_t done = 0;

	while (done < n && frame_write(q, frames[done]))
		done++;
	return done;
}

static int tap_wakeup_fd(struct port *port, uint16_t queue)
{
	struct tap *driver = port->driver;

	return driver->queues[queue]->fd;
}

static void tap_link(struct port *port, bool *up, uint64_t *speed_bps)
{
	*speed_bps = interface_speed(port->interface);
	if (interface_is_up(port->interface, up) < 0)
		*up = false;
}

static void tap_counters(struct port *port)
{
	struct tap *driver = port->driver;
	uint64_t oversized = 0, malformed = 0, refused = 0, starved = 0;
	uint64_t dropped = interface_transmit_dropped(port->interface);

	for (uint16_t i = 0; i < driver->queue_count; i++) {
		oversized += counter_read(&driver->queues[i]->oversized);
		malformed += counter_read(&driver->queues[i]->malformed);
		refused += counter_read(&driver->queues[i]->refused);
		starved += counter_read(&driver->queues[i]->starved);
	}
	counter_set(&port->oversized, oversized);
	counter_set(&port->malformed, malformed);
	counter_set(&port->refused, refused);
	counter_set(&port->starved, starved);
	// What the kernel sends is what we receive. An interface that was made anew counts from
	// zero.
	if (dropped < driver->dropped_seen)
		driver->dropped_seen = 0;
	counter_set(&port->missed, counter_read(&port->missed) + dropped - driver->dropped_seen);
	driver->dropped_seen = dropped;
}

// Tells the kernel what its stack may leave to us; USO where it knows that.
static int offloads_set(int fd)
{
	unsigned long known = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

	if (ioctl(fd, TUNSETOFFLOAD, known | TUN_F_USO4 | TUN_F_USO6) == 0 ||
		ioctl(fd, TUNSETOFFLOAD, known) == 0)
		return 0;
	return -errno;
}

static int descriptor_open(const char *interface, int *out)
{
	struct ifreq request = {
		.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE)};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int result = 0;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		result = -errno;
	if (result == 0)
		result = offloads_set(fd);
	if (result < 0) {
		close(fd);
		return result;
	}
	*out = fd;
	return 0;
}

static int descriptors_open(const char *interface, uint16_t count, int *fds)
{
	for (uint16_t i = 0; i < count; i++) {
		int result = descriptor_open(interface, &fds[i]);

		if (result == 0)
			continue;
		while (i > 0)
			close(fds[--i]);
		return result;
	}
	return interface_set_up(interface);
}

static void tap_free(struct tap *driver)
{
	for (uint16_t i = 0; i < driver->queue_count; i++) {
		close(driver->queues[i]->fd);
		slots_fini(&driver->queues[i]->slots);
		free(driver->queues[i]);
	}
	free(driver);
}

static void tap_close(struct port *port)
{
	tap_free(port->driver);
	port->driver = NULL;
}

// The new descriptors take the numbers of the old ones; whoever polls them must add them again.
static int tap_reopen(struct port *port)
{
	struct tap *driver = port->driver;
	int fds[MAX_QUEUES];
	int result = descriptors_open(port->interface, driver->queue_count, fds);

	if (result < 0)
		return result;
	for (uint16_t i = 0; i < driver->queue_count; i++) {
		if (dup3(fds[i], driver->queues[i]->fd, O_CLOEXEC) < 0 && result == 0)
			result = -errno;
		close(fds[i]);
	}
	port->ifindex = interface_index(port->interface);
	return result;
}

static const struct port_ops tap_ops = {
	.kind = "tap",
	.receive = tap_receive,
	.transmit = tap_transmit,
	.wakeup_fd = tap_wakeup_fd,
	.link = tap_link,
	.close = tap_close,
	.reopen = tap_reopen,
	.counters = tap_counters,
};

static struct tap *tap_create(const struct port_request *request, const int *fds, uint16_t count)
{
	struct tap *driver = calloc(1, sizeof(*driver));

	for (uint16_t i = 0; driver && i < count; i++) {
		struct tap_queue *q = aligned_alloc(CACHE_LINE, sizeof(*q));

		if (!q) {
			while (i > 0)
				free(driver->queues[--i]);
			free(driver);
			return NULL;
		}
		memset(q, 0, sizeof(*q));
		q->fd = fds[i];
		slots_init(&q->slots, request->small, request->large);
		driver->queues[i] = q;
		driver->queue_count++;
	}
	return driver;
}

static int tap_error(const struct port_request *request, int code, char *error, size_t error_size)
{
	switch (-code) {
	case EPERM:
	case EACCES:
		return port_error(request, code, error, error_size,
			"no permission; run as root or with CAP_NET_ADMIN");
	case ENOENT:
	case ENODEV:
		return port_error(request, code, error, error_size,
			"no /dev/net/tun; `modprobe tun` makes it");
	case EBUSY:
		return port_error(request, code, error, error_size,
			"in use by another program; stop it or name another interface");
	case EINVAL:
		return port_error(request, code, error, error_size,
			"exists but is no multi-queue tap interface; make it with "
			"`ip tuntap add IF mode tap multi_queue` or let it be made");
	default:
		return port_error(request, code, error, error_size,
			"cannot open the tap interface (%s)", strerror(-code));
	}
}

// A tap interface is a cable: the kernel has one end with its own address, ours differs in one bit.
static int tap_identify(struct port *port)
{
	int result = interface_mac(port->interface, &port->mac);

	port->mac.bytes[5] ^= 1;
	port->ifindex = interface_index(port->interface);
	return result;
}

int tap_open(const struct port_request *request, const char *argument, struct port *port,
	char *error, size_t error_size)
{
	// A descriptor both receives and sends: the kernel sends to every queue that is open.
	uint16_t count = (uint16_t)u32_min(request->queues ? request->queues : 1, MAX_QUEUES);
	int fds[MAX_QUEUES];
	int result;

	snprintf(port->interface, sizeof(port->interface), "%s", argument);
	result = descriptors_open(argument, count, fds);
	if (result < 0)
		return tap_error(request, result, error, error_size);
	result = tap_identify(port);
	port->driver = result == 0 ? tap_create(request, fds, count) : NULL;
	if (!port->driver) {
		while (count > 0)
			close(fds[--count]);
		return tap_error(request, result < 0 ? result : -ENOMEM, error, error_size);
	}
	((struct tap *)port->driver)->dropped_seen = interface_transmit_dropped(port->interface);
	port->ops = &tap_ops;
	port->receive_queues = count;
	port->transmit_queues = count;
	port->capabilities = PORT_TX_L4_CHECKSUM | PORT_TX_SEGMENT | PORT_TX_SEGMENT_UDP |
			     PORT_TX_CHAINS | PORT_RX_CHECKSUM | PORT_KERNEL |
			     (count > 1 ? PORT_RSS : 0);
	port->max_frame = MAX_FRAME;
	return 0;
}
