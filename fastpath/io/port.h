// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A port: receive burst, transmit burst, a capability word and, where it has one, a wake-up
// descriptor. Two families stand behind it: DPDK ethdevs (io/ethdev.c) and our own drivers, the
// kernel ports (io/af_packet.c, io/tap.c) and the in-process ring (io/ring.c).
//
// Threads: open, close, link and info calls run on the control thread; receive, transmit and arm on
// the worker that owns the queue. No driver function allocates or logs once open has returned.

#include "core/atomic.h"
#include "core/buffer.h"
#include "core/limits.h"

struct rte_mempool;
struct snapshot;

// Capability bits.
enum {
	PORT_CHAIN_MAX = 64
};

enum {
	PORT_TX_IP_CHECKSUM = 1u << 0,
	PORT_TX_L4_CHECKSUM = 1u << 1, // completes BUFFER_TX_CHECKSUM_TCP and _UDP
	PORT_TX_SEGMENT = 1u << 2,     // segments BUFFER_TX_SEGMENT_TCP, IPv4 and IPv6
	PORT_TX_CHAINS = 1u << 3,      // takes frames of up to PORT_CHAIN_MAX buffers
	PORT_RX_CHECKSUM = 1u << 4,    // sets BUFFER_RX_CHECKSUM_*
	PORT_RX_PARTIAL =
		1u << 5,       // may deliver partial checksums unmarked (af_xdp): look at the field
	PORT_KERNEL = 1u << 6, // stands on a kernel interface (rtnetlink tells its link)
	PORT_RSS = 1u << 7,    // spreads flows over its receive queues
	PORT_TX_SEGMENT_UDP = 1u << 8, // segments BUFFER_TX_SEGMENT_UDP
};

struct port_request {
	char name[NAME_BYTES];
	char device[256];          // as configured: "af_packet:eth1", "0000:03:00.0", "ring:a", ...
	uint16_t mtu;              // bytes of IP datagram
	uint16_t queues;           // receive queues wanted
	uint16_t transmit_queues;  // wanted; the driver may give fewer
	bool huge;                 // hugepages may be used for rings
	struct rte_mempool *small; // 2 KiB buffers
	struct rte_mempool *large; // 64 KiB buffers for kernel ports; NULL: not used
};

struct port;

struct port_ops {
	const char *kind; // "af_packet", "tap", "ring", "ethdev"
	// Receives at most n frames; each buffer's reference becomes the caller's. Fills offload
	// and transmit words (io/mbuf.h), not `port`. Returns the number received.
	uint16_t (*receive)(struct port *port, uint16_t queue, struct buffer **out, uint16_t n);
	// Takes up to n frames: those taken are the port's, the rest stay the caller's. Returns how
	// many.
	uint16_t (*transmit)(struct port *port, uint16_t queue, struct buffer **frames, uint16_t n);
	// Descriptor that becomes readable when the queue has frames, or -1: the port cannot wake.
	int (*wakeup_fd)(struct port *port, uint16_t queue);
	// Asks for one wake-up; true if frames are already waiting. NULL: the descriptor is ready
	// whenever there are frames.
	bool (*arm)(struct port *port, uint16_t queue);
	// Reads link state and speed from the device itself. Control thread.
	void (*link)(struct port *port, bool *up, uint64_t *speed_bps);
	// Stops and frees everything; workers no longer touch the port.
	void (*close)(struct port *port);
	// Tries to serve again after the device disappeared and came back. 0, or a negative errno.
	int (*reopen)(struct port *port);
	// Folds the queues' and the device's own counts into the port's counters. Control thread.
	void (*counters)(struct port *port);
	// Told of each snapshot that is published, and of the present one when the device returned.
	// NULL: the driver wants no part of it. Control thread.
	void (*addresses)(struct port *port, const struct snapshot *snapshot);
};

struct port {
	const struct port_ops *ops;
	uint16_t index; // in the node
	uint16_t mtu;
	uint16_t receive_queues;
	uint16_t transmit_queues;
	uint32_t capabilities; // PORT_* bits
	uint32_t max_frame;    // largest frame transmit takes, Ethernet header included
	struct mac_address mac;
	uint16_t dpdk_port; // ethdev id, where there is one
	int ifindex;        // kernel interface, 0 = none
	// Whether frames to the port's own addresses end at the port, and the kernel that would
	// only drop them never walks them. Else, where the driver can do that, why not: a negative
	// errno.
	bool kernel_spared;
	int spare_error;
	shared_word_t up;   // w: control, r: workers
	shared_word_t gone; // the device disappeared; w: control and the driver, r: workers
	shared_word_t speed_bps;
	// Written by ops->counters, on the control thread.
	counter_t oversized; // frames received larger than the port takes
	counter_t missed;    // frames the device dropped before we saw them
	counter_t malformed; // frames whose offload description makes no sense
	counter_t refused;   // frames taken from us that the device then refused to send
	counter_t starved;   // receive calls without a packet buffer; what that loses is in missed
	char name[NAME_BYTES];
	char device[256];
	char interface[32]; // kernel interface name, "" = none
	void *driver;       // the driver's own state
};

// Loads what ports put into the kernel, while the process has the capabilities for it: ports that
// are opened later need only what is then held. Without it they go on, slower. Control thread.
void ports_prepare(void);

// Opens the device. On failure returns a negative errno and writes one line to error that says what
// is wrong and what to do ("af_packet:eth9: no such interface; `ip link` lists them"). Control
// thread.
[[nodiscard]] int port_open(
	const struct port_request *request, struct port **out, char *error, size_t error_size);

// Closes and frees. Control thread, after no worker uses it.
void port_close(struct port *port);

// Whether device names something port_open knows, judged by its text alone: 0, or -EINVAL with a
// line in error. Any thread; touches nothing.
[[nodiscard]] int port_device_check(const char *device, char *error, size_t error_size);
// Whether the device exists on this machine: 0, or -ENODEV with a line in error.
[[nodiscard]] int port_device_exists(const char *device, char *error, size_t error_size);

static inline uint16_t port_receive(
	struct port *port, uint16_t queue, struct buffer **out, uint16_t n)
{
	return port->ops->receive(port, queue, out, n);
}

static inline uint16_t port_transmit(
	struct port *port, uint16_t queue, struct buffer **frames, uint16_t n)
{
	return port->ops->transmit(port, queue, frames, n);
}
