// SPDX-License-Identifier: BSD-3-Clause
#include "io/bpf/ingress.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <unistd.h>

#include "io/bpf/ingress_key.h"

#ifdef NEXPATH_BPF_PROGRAMS
static const uint8_t PROGRAM[] = {
#	include "io/bpf/ingress_program.inc"
};
#else
static const uint8_t PROGRAM[1];
#endif

static_assert(INGRESS_KEYS >= 2 * MAX_ADDRESSES, "an apply must fit");
static_assert(sizeof(struct ingress_key) == 24, "no padding: the kernel hashes every byte");

// BPF_TCX_INGRESS, which the oldest system's header lacks.
enum {
	TCX_INGRESS = 46
};

// Of the program and its map, as long as the process lives.
static int program_fd = -1, map_fd = -1;

// The object's own descriptors go with it.
static int descriptors_keep(const struct bpf_object *object)
{
	const struct bpf_program *program =
		bpf_object__find_program_by_name(object, "nexpath_ingress");
	int map = bpf_object__find_map_fd_by_name(object, "own_addresses");
	int kept_program, kept_map;

	if (!program || map < 0)
		return -ENOENT;
	kept_program = fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0);
	if (kept_program < 0)
		return -errno;
	kept_map = fcntl(map, F_DUPFD_CLOEXEC, 0);
	if (kept_map < 0) {
		int result = -errno;

		close(kept_program);
		return result;
	}
	program_fd = kept_program;
	map_fd = kept_map;
	return 0;
}

int ingress_load(void)
{
	struct bpf_object *object;
	libbpf_print_fn_t print;
	int result;

	if (program_fd >= 0)
		return 0;
	if (sizeof(PROGRAM) == 1)
		return -EOPNOTSUPP;
	// Its complaints would go to standard error; the caller says it in one line.
	print = libbpf_set_print(NULL);
	object = bpf_object__open_mem(PROGRAM, sizeof(PROGRAM), NULL);
	result = object ? bpf_object__load(object) : -errno;
	if (result == 0)
		result = descriptors_keep(object);
	bpf_object__close(object);
	libbpf_set_print(print);
	return result;
}

int ingress_attach(int ifindex, int *link)
{
	int result = ingress_load();

	if (result < 0)
		return result;
	result = bpf_link_create(program_fd, ifindex, (enum bpf_attach_type)TCX_INGRESS, NULL);
	if (result < 0)
		return result == -EINVAL ? -EOPNOTSUPP : result;
	*link = result;
	return 0;
}

static bool is_in_snapshot(
	const struct ingress_key *key, const struct snapshot *snapshot, uint16_t port)
{
	struct ip_address address = ip_address_from_bytes(key->address);
	const struct snapshot_address *own = snapshot_address_find(snapshot, &address);

	return own && snapshot->netifs[own->netif].port == port &&
	       snapshot->netifs[own->netif].vlan == key->vlan;
}

// Takes out what the link put in and the snapshot does not have; all of it without a snapshot.
static void keys_forget(int link, const struct snapshot *snapshot, uint16_t port)
{
	struct ingress_key key, last;
	const struct ingress_key *from = NULL;

	while (bpf_map_get_next_key(map_fd, from, &key) == 0) {
		uint32_t owner;

		if (bpf_map_lookup_elem(map_fd, &key, &owner) == 0 && owner == (uint32_t)link &&
			!(snapshot && is_in_snapshot(&key, snapshot, port)) &&
			bpf_map_delete_elem(map_fd, &key) == 0)
			continue;
		last = key;
		from = &last;
	}
}

void ingress_detach(int link)
{
	close(link);
	keys_forget(link, NULL, 0);
}

int ingress_addresses_set(int link, int ifindex, const struct snapshot *snapshot, uint16_t port)
{
	uint32_t owner = (uint32_t)link;
	int result = 0;

	for (uint16_t i = 0; i < snapshot->address_count; i++) {
		const struct snapshot_address *own = &snapshot->addresses[i];
		const struct snapshot_netif *netif = &snapshot->netifs[own->netif];
		struct ingress_key key = {
			.interface = (uint32_t)ifindex,
			.vlan = netif->vlan,
		};
		int status;

		if (netif->port != port)
			continue;
		memcpy(key.address, own->address.bytes, sizeof(key.address));
		status = bpf_map_update_elem(map_fd, &key, &owner, BPF_ANY);
		result = result < 0 ? result : status;
	}
	keys_forget(link, snapshot, port);
	return result;
}
