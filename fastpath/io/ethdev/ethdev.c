// SPDX-License-Identifier: BSD-3-Clause
// Ports on DPDK ethdevs: PCI devices, and the virtual devices af_xdp, memif, pcap, null and vdev.
#include "io/ethdev/ethdev.h"

#include <net/if.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <unistd.h>

#include "io/bpf/xdp.h"
#include "io/driver.h"
#include "io/interface.h"
#include "io/mbuf.h"
#include "io/pools.h"

enum {
	MBIT = 1000000,
	AF_XDP_FILL = 2048,  // frames that DPDK's driver keeps in a queue's fill ring
	AF_XDP_SPARE = 6144, // a queue's other frames: received, or waiting to be sent
};

static struct ethdev *ethdev_of(const struct port *port)
{
	return port->driver;
}

static uint16_t ethdev_receive(struct port *port, uint16_t queue, struct buffer **out, uint16_t n)
{
	if (nx_unlikely(shared_word_load(&port->gone)))
		return 0;
	return rte_eth_rx_burst(port->dpdk_port, queue, (struct rte_mbuf **)(void *)out, n);
}

static bool has_offloads(struct buffer *const *frames, uint16_t n)
{
	uint64_t bits = 0;

	for (uint16_t i = 0; i < n; i++)
		bits |= frames[i]->offload;
	return bits & BUFFER_TX_MASK;
}

static uint16_t ethdev_transmit(
	struct port *port, uint16_t queue, struct buffer **frames, uint16_t n)
{
	struct rte_mbuf **mbufs = (struct rte_mbuf **)(void *)frames;
	uint16_t ready = n;

	if (nx_unlikely(shared_word_load(&port->gone))) {
		counter_add(&ethdev_of(port)->refused[queue], n);
		rte_pktmbuf_free_bulk(mbufs, n);
		return n;
	}
	// Some devices want the pseudo-header sum in a form of their own.
	if (has_offloads(frames, n))
		ready = rte_eth_tx_prepare(port->dpdk_port, queue, mbufs, n);
	if (nx_unlikely(ready == 0 && n > 0)) {
		// The first one cannot be sent at all: it would be offered for ever.
		counter_add(&ethdev_of(port)->refused[queue], 1);
		mbuf_chain_put(frames[0]);
		return 1;
	}
	return rte_eth_tx_burst(port->dpdk_port, queue, mbufs, ready);
}

static int ethdev_wakeup_fd(struct port *port, uint16_t queue)
{
	struct ethdev *e = ethdev_of(port);

	if (e->xdp_link >= 0)
		return e->xdp_sockets[queue];
	return e->interrupts ? rte_eth_dev_rx_intr_ctl_q_get_fd(port->dpdk_port, queue) : -1;
}

static bool ethdev_arm(struct port *port, uint16_t queue)
{
	if (!ethdev_of(port)->interrupts)
		return false;
	rte_eth_dev_rx_intr_disable(port->dpdk_port, queue);
	if (rte_eth_dev_rx_intr_enable(port->dpdk_port, queue) < 0)
		return true;
	return rte_eth_rx_queue_count(port->dpdk_port, queue) > 0;
}

static void ethdev_link(struct port *port, bool *up, uint64_t *speed_bps)
{
	struct ethdev *e = ethdev_of(port);
	struct rte_eth_link link = {0};
	bool gone = shared_word_load(&port->gone);

	if (!gone && rte_eth_link_get_nowait(port->dpdk_port, &link) < 0)
		gone = true;
	*up = !gone && link.link_status == RTE_ETH_LINK_UP;
	*speed_bps = !gone && link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN
			     ? (uint64_t)link.link_speed * MBIT
			     : 0;
	// One that connects does so when it is started, never again: it is opened anew.
	if (e->connects && e->connected && !*up)
		shared_word_store(&port->gone, true);
	e->connected = *up;
	// A virtual device on a kernel interface is up whatever that one is.
	if (*up && port->interface[0] && interface_is_up(port->interface, up) < 0)
		*up = false;
}

// Under XDP the kernel drops what is larger than a buffer takes, and counts it only among the
// interface's drops.
static void oversized_count(struct port *port)
{
	struct ethdev *e = ethdev_of(port);
	uint64_t now = interface_receive_dropped(port->interface);
	uint64_t dropped = now > e->dropped_before ? now - e->dropped_before : 0;
	uint64_t overruns = 0;

	for (uint16_t i = 0; i < port->receive_queues; i++)
		overruns += xdp_socket_overruns(e->xdp_sockets[i]);
	// DPDK's driver knows nothing of full rings, and takes large frames for missed ones.
	if (e->xdp_link >= 0)
		counter_set(&port->missed, overruns);
	// The kernel counts some overruns twice: never count backwards.
	if (dropped > overruns && dropped - overruns > counter_read(&port->oversized))
		counter_set(&port->oversized, dropped - overruns);
}

static void ethdev_counters(struct port *port)
{
	struct ethdev *e = ethdev_of(port);
	struct rte_eth_stats stats;
	uint64_t refused = 0;

	for (uint16_t i = 0; i < port->transmit_queues; i++)
		refused += counter_read(&e->refused[i]);
	if (!shared_word_load(&port->gone) && rte_eth_stats_get(port->dpdk_port, &stats) == 0) {
		counter_set(&port->missed, stats.imissed + stats.rx_nombuf);
		refused += stats.oerrors;
	}
	counter_set(&port->refused, refused);
	if (e->kernel_frames && port->interface[0] && !shared_word_load(&port->gone))
		oversized_count(port);
}

static int ethdev_removed(uint16_t id, enum rte_eth_event_type type, void *context, void *result)
{
	struct port *port = context;

	(void)id, (void)type, (void)result;
	shared_word_store(&port->gone, true);
	shared_word_store(&port->up, false);
	return 0;
}

// Frames that somebody still holds keep the pool alive.
static void own_pool_free(const struct ethdev *e, uint16_t queues)
{
	if (e->own_pool && rte_mempool_in_use_count(e->own_pool) <= queues * (uint32_t)AF_XDP_FILL)
		rte_mempool_free(e->own_pool);
}

static void ethdev_detach(struct port *port)
{
	struct ethdev *e = ethdev_of(port);
	struct rte_eth_dev_info info;
	bool known = rte_eth_dev_info_get(port->dpdk_port, &info) == 0;

	rte_eth_dev_callback_unregister(
		port->dpdk_port, RTE_ETH_EVENT_INTR_RMV, ethdev_removed, port);
	if (e->xdp_link >= 0)
		close(e->xdp_link);
	e->xdp_link = -1;
	rte_eth_dev_stop(port->dpdk_port);
	rte_eth_dev_owner_unset(port->dpdk_port, e->owner);
	rte_eth_dev_close(port->dpdk_port);
	if (e->probed && known)
		rte_dev_remove(info.device);
	own_pool_free(e, port->receive_queues);
	e->attached = false;
	e->interrupts = false;
}

static void ethdev_close(struct port *port)
{
	if (ethdev_of(port)->attached)
		ethdev_detach(port);
	free(port->driver);
	port->driver = NULL;
}

// The device's abilities that we use, as its configuration words.
static uint64_t receive_offloads(const struct rte_eth_dev_info *info)
{
	return info->rx_offload_capa &
	       (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
		       RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_SCATTER);
}

static uint64_t transmit_offloads(const struct rte_eth_dev_info *info)
{
	return info->tx_offload_capa &
	       (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
		       RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO |
		       RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
}

static uint32_t capabilities_of(uint64_t receive, uint64_t transmit, const struct port *port)
{
	const uint64_t l4 = RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	const uint64_t l4_receive = RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
	const uint64_t segment = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | l4;
	uint32_t bits = 0;

	if (transmit & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM)
		bits |= PORT_TX_IP_CHECKSUM;
	if ((transmit & l4) == l4)
		bits |= PORT_TX_L4_CHECKSUM;
	if ((transmit & segment) == segment)
		bits |= PORT_TX_SEGMENT;
	if (transmit & RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
		bits |= PORT_TX_CHAINS;
	if ((receive & l4_receive) == l4_receive)
		bits |= PORT_RX_CHECKSUM;
	if (port->receive_queues > 1)
		bits |= PORT_RSS;
	return bits;
}

static uint16_t queues_bounded(uint16_t wanted, uint16_t offered)
{
	uint32_t n = u32_min(wanted ? wanted : 1, MAX_QUEUES);

	return (uint16_t)u32_min(n, offered ? offered : 1);
}

static void spread_configure(
	const struct rte_eth_dev_info *info, struct port *port, struct rte_eth_conf *configuration)
{
	uint64_t fields =
		info->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);

	configuration->rxmode.mq_mode = RTE_ETH_MQ_RX_NONE;
	if (port->receive_queues == 1)
		return;
	configuration->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	configuration->rx_adv_conf.rss_conf.rss_hf = fields;
}

static int configure_with(
	struct rte_eth_conf *configuration, bool interrupts, const struct port *port)
{
	configuration->intr_conf.rxq = interrupts;
	return rte_eth_dev_configure(
		port->dpdk_port, port->receive_queues, port->transmit_queues, configuration);
}

static int ethdev_configure(
	const struct port_request *request, const struct rte_eth_dev_info *info, struct port *port)
{
	struct ethdev *e = ethdev_of(port);
	struct rte_eth_conf configuration = {0};
	int result;

	port->receive_queues = queues_bounded(request->queues, info->max_rx_queues);
	port->transmit_queues = queues_bounded(request->transmit_queues, info->max_tx_queues);
	configuration.rxmode.offloads = receive_offloads(info);
	configuration.txmode.offloads = transmit_offloads(info);
	configuration.rxmode.mtu = request->mtu;
	spread_configure(info, port, &configuration);
	if (info->dev_flags && (*info->dev_flags & RTE_ETH_DEV_INTR_RMV))
		configuration.intr_conf.rmv = 1;
	// Virtual devices have no descriptor to wait on, and complain when asked.
	e->interrupts = strcmp(rte_bus_name(rte_dev_bus(info->device)), "pci") == 0;
	result = configure_with(&configuration, e->interrupts, port);
	if (result < 0 && e->interrupts) {
		e->interrupts = false;
		result = configure_with(&configuration, false, port);
	}
	// net_tap wants as many queues one way as the other.
	if (result < 0 && port->receive_queues != port->transmit_queues) {
		port->receive_queues =
			(uint16_t)u32_min(port->receive_queues, port->transmit_queues);
		port->transmit_queues = port->receive_queues;
		spread_configure(info, port, &configuration);
		result = configure_with(&configuration, false, port);
	}
	port->capabilities =
		capabilities_of(configuration.rxmode.offloads, configuration.txmode.offloads, port);
	return result;
}

static int queues_set_up(struct rte_mempool *pool, const struct port *port)
{
	uint16_t receive = ETHDEV_DESCRIPTORS, transmit = ETHDEV_DESCRIPTORS;
	int socket = rte_eth_dev_socket_id(port->dpdk_port);
	int result = rte_eth_dev_adjust_nb_rx_tx_desc(port->dpdk_port, &receive, &transmit);

	for (uint16_t i = 0; i < port->receive_queues && result == 0; i++) {
		struct xdp_sockets before;

		xdp_sockets_note(&before);
		result = rte_eth_rx_queue_setup(
			port->dpdk_port, i, receive, (unsigned)socket, NULL, pool);
		ethdev_of(port)->xdp_sockets[i] = xdp_socket_new(&before);
	}
	for (uint16_t i = 0; i < port->transmit_queues && result == 0; i++)
		result = rte_eth_tx_queue_setup(
			port->dpdk_port, i, transmit, (unsigned)socket, NULL);
	return result;
}

// DPDK's af_xdp driver keeps the frames of its fill ring when it is closed, so it gets a pool of
// its own.
static int pool_choose(
	const struct port_request *request, struct port *port, struct rte_mempool **pool)
{
	struct ethdev *e = ethdev_of(port);
	struct pools own;
	char error[256];
	int result;

	*pool = request->small;
	if (!e->kernel_frames)
		return 0;
	result = pools_create(
		port->receive_queues * (AF_XDP_FILL + AF_XDP_SPARE), 0, &own, error, sizeof(error));
	if (result == 0) {
		e->own_pool = own.small;
		*pool = own.small;
	}
	return result;
}

// A device may take interrupts in its configuration and still have no descriptor to wait on.
static void interrupts_check(struct port *port)
{
	struct ethdev *e = ethdev_of(port);

	for (uint16_t i = 0; i < port->receive_queues && e->interrupts; i++)
		e->interrupts = rte_eth_dev_rx_intr_ctl_q_get_fd(port->dpdk_port, i) >= 0;
}

static int ethdev_start(const struct port_request *request, struct port *port)
{
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
	struct rte_mempool *pool;
	int result = rte_eth_dev_info_get(port->dpdk_port, &info);

	if (result == 0)
		result = ethdev_configure(request, &info, port);
	if (result == 0)
		result = pool_choose(request, port, &pool);
	if (result == 0)
		result = queues_set_up(pool, port);
	if (result == 0)
		result = rte_eth_macaddr_get(port->dpdk_port, &mac);
	if (result == 0)
		result = rte_eth_dev_start(port->dpdk_port);
	if (result < 0)
		return result;
	memcpy(port->mac.bytes, mac.addr_bytes, sizeof(port->mac.bytes));
	interrupts_check(port);
	// Many virtual devices know no promiscuous mode, and none is on by default.
	(void)rte_eth_promiscuous_disable(port->dpdk_port);
	// Solicitations for our IPv6 addresses go to groups that the device knows nothing of.
	(void)rte_eth_allmulticast_enable(port->dpdk_port);
	rte_eth_dev_callback_register(
		port->dpdk_port, RTE_ETH_EVENT_INTR_RMV, ethdev_removed, port);
	return 0;
}

static void kernel_interface_note(const struct ethdev_name *name, struct port *port)
{
	if (!name->interface[0])
		return;
	memcpy(port->interface, name->interface, sizeof(port->interface));
	port->ifindex = interface_index(port->interface);
	ethdev_of(port)->dropped_before = interface_receive_dropped(port->interface);
	port->capabilities |= PORT_KERNEL;
	if (name->partial)
		port->capabilities |= PORT_RX_PARTIAL;
	// The device's own address is invented; frames come to the interface's.
	(void)interface_mac(port->interface, &port->mac);
}

// One port a device: a second one that names it finds it taken.
static int ethdev_own(uint16_t id, uint64_t *number)
{
	struct rte_eth_dev_owner owner = {.name = "nexpath"};

	if (rte_eth_dev_owner_new(&owner.id) < 0 || rte_eth_dev_owner_set(id, &owner) < 0)
		return -EBUSY;
	*number = owner.id;
	return 0;
}

// Finds or makes the device and starts it. On failure nothing is kept.
static int ethdev_attach(struct port *port, char *error, size_t error_size)
{
	struct ethdev *e = ethdev_of(port);
	const struct port_request *request = &e->request;
	struct ethdev_name name;
	int result = ethdev_name_make(request, &name, error, error_size);

	if (result == 0)
		result = ethdev_probe(
			request, &name, &port->dpdk_port, &e->probed, error, error_size);
	if (result < 0)
		return result;
	result = ethdev_own(port->dpdk_port, &e->owner);
	if (result < 0)
		return ethdev_error(request, result, error, error_size);
	e->attached = true;
	e->kernel_frames = name.partial;
	e->connects = name.connects;
	result = ethdev_start(request, port);
	if (result == 0 && name.own_program)
		result = xdp_program_tie(interface_index(name.interface), &e->xdp_link);
	if (result < 0) {
		ethdev_detach(port);
		return ethdev_error(request, result, error, error_size);
	}
	kernel_interface_note(&name, port);
	return 0;
}

// A device that is back is a new one. The first two calls only keep the workers out; the third
// comes half a second later (io/link.c), and no worker is inside a burst for that long.
static int ethdev_reopen(struct port *port)
{
	struct ethdev *e = ethdev_of(port);
	char error[256];
	int result;

	shared_word_store(&port->gone, true);
	if (e->attached && ++e->reopen_calls <= 2)
		return -EAGAIN;
	if (e->attached)
		ethdev_detach(port);
	e->reopen_calls = 0;
	result = ethdev_attach(port, error, sizeof(error));
	if (result == 0)
		shared_word_store(&port->gone, false);
	return result;
}

static const struct port_ops ethdev_ops = {
	.kind = "ethdev",
	.receive = ethdev_receive,
	.transmit = ethdev_transmit,
	.wakeup_fd = ethdev_wakeup_fd,
	.arm = ethdev_arm,
	.link = ethdev_link,
	.close = ethdev_close,
	.reopen = ethdev_reopen,
	.counters = ethdev_counters,
};

int ethdev_open(const struct port_request *request, const char *argument, struct port *port,
	char *error, size_t error_size)
{
	struct ethdev *e = calloc(1, sizeof(*e));
	int result;

	(void)argument;
	if (!e)
		return port_error(request, -ENOMEM, error, error_size, "out of memory");
	e->request = *request;
	e->xdp_link = -1;
	port->driver = e;
	port->ops = &ethdev_ops;
	result = ethdev_attach(port, error, error_size);
	if (result < 0) {
		free(e);
		return result;
	}
	port->max_frame = port->capabilities & PORT_TX_SEGMENT
				  ? MAX_FRAME
				  : (uint32_t)request->mtu + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN;
	return 0;
}
