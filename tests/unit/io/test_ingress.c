// SPDX-License-Identifier: BSD-3-Clause
// Which frames the ingress program of an af_packet port keeps from the kernel: a second program
// behind it counts those that it lets go on.
#include <bpf/bpf.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/snapshot.h"
#include "eal.h"
#include "io/interface.h"
#include "links.h"
#include "testing.h"

enum {
	SKIPPED = 77,
	TCX_INGRESS = 46, // BPF_TCX_INGRESS of newer headers
	PORT = 3,
	OTHER_PORT = 4,
	TAG = 100,
	FRAME_BYTES = 80
};

static struct port *port;
static struct mac_address own_mac;
static int sender = -1;
static int counter = -1;
static uint64_t expected; // frames behind the program since it is there

static void run(const char *command)
{
	assert_int_equal(system(command), 0);
}

// --- snapshots
// ------------------------------------------------------------------------------------

static struct snapshot_netif netifs[] = {
	{.port = PORT, .vlan = 0}, {.port = PORT, .vlan = TAG}, {.port = OTHER_PORT, .vlan = 0}};

static const struct own {
	const char *text;
	uint16_t netif;
} OWN[] = {{"10.1.0.2", 0}, {"fd00:1::2", 0}, {"10.5.0.2", 1}, {"fd00:5::2", 1}, {"10.2.0.2", 2}};

// Gives the port the addresses whose bits are set; the snapshot is gone when this returns.
static void publish(uint32_t which)
{
	struct snapshot_address addresses[nx_array_size(OWN)];
	uint16_t hash[16] = {0};
	struct snapshot s = {
		.netifs = netifs,
		.netif_count = nx_array_size(netifs),
		.addresses = addresses,
		.address_hash = hash,
		.address_hash_mask = nx_array_size(hash) - 1,
	};

	for (uint32_t i = 0; i < nx_array_size(OWN); i++) {
		struct snapshot_address *a = &addresses[s.address_count];
		uint32_t at;

		if (!(which & 1u << i))
			continue;
		assert_true(ip_address_parse(OWN[i].text, &a->address));
		a->netif = OWN[i].netif;
		at = snapshot_address_start(&a->address, s.address_hash_mask);
		while (hash[at])
			at = (at + 1) & s.address_hash_mask;
		hash[at] = ++s.address_count;
	}
	port->ops->addresses(port, &s);
	assert_true(port->kernel_spared);
}

// --- the program behind
// ---------------------------------------------------------------------------

static int counter_attach(const char *interface)
{
	static const struct bpf_insn LET_GO_ON[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int link;

	counter = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "counter", "BSD", LET_GO_ON,
		nx_array_size(LET_GO_ON), NULL);
	if (counter < 0)
		return counter;
	link = bpf_link_create(
		counter, interface_index(interface), (enum bpf_attach_type)TCX_INGRESS, NULL);
	return link;
}

static uint64_t counted(void)
{
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(counter, &info, &size), 0);
	return info.run_cnt;
}

static void frame_send(const uint8_t *frame, size_t length)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = interface_index("nxa")};

	assert_int_equal(
		sendto(sender, frame, length, 0, (struct sockaddr *)&to, sizeof(to)), length);
}

// A frame that always goes on comes behind each one that is looked at: once it has been counted the
// other has had its turn.
static void judge(const uint8_t *frame, size_t length, bool goes_on)
{
	uint8_t other[60] = {0};

	memcpy(other, own_mac.bytes, 6);
	other[12] = 0x88;
	other[13] = 0xb5; // for local experiments
	frame_send(frame, length);
	frame_send(other, sizeof(other));
	expected += goes_on ? 2 : 1;
	for (uint32_t i = 0; counted() < expected && i < 1000; i++)
		usleep(1000);
	assert_int_equal(counted(), expected);
}

// --- frames
// ---------------------------------------------------------------------------------------

struct shape {
	const char *to;
	uint16_t outer; // a tag's type, 0 = no tag
	uint16_t vlan;
	uint16_t inner; // VLAN id of a second tag, 0 = none
	uint16_t cut;   // bytes of the network header, 0 = all
	uint8_t mac;    // flips bits of the first byte of the Ethernet address
	bool fragment;
	bool goes_on;
};

static uint8_t *put16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
	return p + 2;
}

static void judge_shape(const struct shape *shape)
{
	uint8_t frame[FRAME_BYTES] = {0};
	uint8_t *p = frame + 12;
	struct ip_address to;

	memcpy(frame, own_mac.bytes, 6);
	frame[0] ^= shape->mac;
	frame[6] = 2;
	assert_true(ip_address_parse(shape->to, &to));
	if (shape->outer)
		p = put16(put16(p, shape->outer), shape->vlan);
	if (shape->inner)
		p = put16(put16(p, ETHERTYPE_VLAN), shape->inner);
	if (ip_address_is_v4(&to)) {
		p = put16(p, ETHERTYPE_IP);
		p[0] = 0x45;
		put16(p + 2, 28);
		put16(p + 6, shape->fragment ? 0x2005 : 0);
		p[8] = 64;
		p[9] = IPPROTO_UDP;
		memcpy(p + 16, to.bytes + 12, 4);
		p += shape->cut ? shape->cut : 28;
	} else {
		p = put16(p, ETHERTYPE_IPV6);
		p[0] = 0x60;
		p[6] = shape->fragment ? IPPROTO_FRAGMENT : IPPROTO_NONE;
		p[7] = 64;
		memcpy(p + 24, to.bytes, 16);
		p += shape->cut ? shape->cut : 40;
	}
	judge(frame, (size_t)(p - frame), shape->goes_on);
}

static void frames_to_own_addresses_end(void **state)
{
	static const struct shape SHAPES[] = {
		{"10.1.0.2"},
		{"fd00:1::2"},
		{"10.1.0.2", .fragment = true},
		{"fd00:1::2", .fragment = true},
		{"10.1.0.2", .cut = 20},
		{"10.5.0.2", .outer = ETHERTYPE_VLAN, .vlan = TAG},
		{"fd00:5::2", .outer = ETHERTYPE_VLAN, .vlan = TAG},
		{"10.5.0.2", .outer = ETHERTYPE_VLAN, .vlan = 0xe000 | TAG},
		{"10.1.0.2", .outer = ETHERTYPE_VLAN, .vlan = 0xe000},
	};

	publish(0x1f);
	for (uint32_t i = 0; i < nx_array_size(SHAPES); i++)
		judge_shape(&SHAPES[i]);
}

static void all_others_go_on(void **state)
{
	static const struct shape SHAPES[] = {
		{"10.1.0.3", .goes_on = true},
		{"fd00:1::3", .goes_on = true},
		{"224.0.0.1", .goes_on = true},
		{"ff02::1:ff00:2", .goes_on = true},
		// Cut short, so that there is no whole address.
		{"10.1.0.2", .cut = 19, .goes_on = true},
		{"10.1.0.2", .cut = 1, .goes_on = true},
		{"fd00:1::2", .cut = 39, .goes_on = true},
		// To another station, to all.
		{"10.1.0.2", .mac = 0x04, .goes_on = true},
		{"fd00:1::2", .mac = 0x04, .goes_on = true},
		{"10.1.0.2", .mac = 0x01, .goes_on = true},
		// An address of the port, but not of this VLAN; another port's address.
		{"10.5.0.2", .goes_on = true},
		{"10.1.0.2", .outer = ETHERTYPE_VLAN, .vlan = TAG, .goes_on = true},
		{"10.5.0.2", .outer = ETHERTYPE_VLAN, .vlan = TAG + 1, .goes_on = true},
		{"10.2.0.2", .goes_on = true},
		// Tags that a port does not take for its own.
		{"10.5.0.2", .outer = 0x88a8, .vlan = TAG, .goes_on = true},
		{"10.5.0.2", .outer = ETHERTYPE_VLAN, .vlan = TAG, .inner = TAG, .goes_on = true},
	};
	uint8_t arp[60] = {0};

	publish(0x1f);
	for (uint32_t i = 0; i < nx_array_size(SHAPES); i++)
		judge_shape(&SHAPES[i]);
	memcpy(arp, own_mac.bytes, 6);
	put16(arp + 12, ETHERTYPE_ARP);
	judge(arp, sizeof(arp), true);
	judge(arp, 14, true);
}

static void addresses_follow_the_snapshot(void **state)
{
	publish(1u << 0);
	judge_shape(&(struct shape){"10.1.0.2"});
	judge_shape(&(struct shape){"fd00:1::2", .goes_on = true});
	publish(1u << 1);
	judge_shape(&(struct shape){"10.1.0.2", .goes_on = true});
	judge_shape(&(struct shape){"fd00:1::2"});
	publish(0);
	judge_shape(&(struct shape){"10.1.0.2", .goes_on = true});
	judge_shape(&(struct shape){"fd00:1::2", .goes_on = true});
}

static struct port *port_make(void)
{
	struct port_request request = request_for("af_packet:nxb", 1);
	struct port *made;
	char error[256];

	assert_int_equal(port_open(&request, &made, error, sizeof(error)), 0);
	made->index = PORT;
	return made;
}

// As when a port that a rollback left open is followed by one of another name.
static void a_second_port_on_the_interface_goes_on_without(void **state)
{
	struct port *first = port;

	publish(0x1f);
	port = port_make();
	assert_false(port->kernel_spared);
	assert_int_equal(port->spare_error, -EEXIST);
	port->ops->addresses(port, NULL);
	port_close(port);
	port = first;
	judge_shape(&(struct shape){"10.1.0.2"});
}

static void a_closed_port_leaves_nothing(void **state)
{
	publish(0x1f);
	judge_shape(&(struct shape){"10.1.0.2"});
	port_close(port);
	judge_shape(&(struct shape){"10.1.0.2", .goes_on = true});
	port = port_make();
	assert_true(port->kernel_spared);
	judge_shape(&(struct shape){"10.1.0.2", .goes_on = true});
}

static bool environment_make(void)
{
	int statistics = bpf_enable_stats(BPF_STATS_RUN_TIME);

	// Nothing but the test's own frames.
	run("sysctl -qw net.ipv6.conf.default.disable_ipv6=1 && "
	    "ip link add nxa type veth peer name nxb && ip link set nxa up && ip link set nxb up");
	link_wait("nxa");
	link_wait("nxb");
	assert_int_equal(interface_mac("nxb", &own_mac), 0);
	sender = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_true(sender >= 0);
	port = port_make();
	if (statistics < 0 || !port->kernel_spared) {
		printf("skipped: no program at the ingress here (%s)\n",
			strerror(statistics < 0 ? -statistics : -port->spare_error));
		return false;
	}
	if (counter_attach("nxb") < 0) {
		puts("skipped: no second program at the ingress");
		return false;
	}
	return true;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_to_own_addresses_end),
		cmocka_unit_test(all_others_go_on),
		cmocka_unit_test(addresses_follow_the_snapshot),
		cmocka_unit_test(a_second_port_on_the_interface_goes_on_without),
		cmocka_unit_test(a_closed_port_leaves_nothing),
	};
	int failed;

	if (geteuid() != 0) {
		puts("skipped: programs in the kernel need root");
		return SKIPPED;
	}
	if (unshare(CLONE_NEWNET) < 0) {
		perror("skipped: no network namespace of our own");
		return SKIPPED;
	}
	if (eal_start() < 0)
		return 1;
	if (!environment_make())
		return SKIPPED;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	port_close(port);
	return failed;
}
