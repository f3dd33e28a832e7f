// SPDX-License-Identifier: BSD-3-Clause
#include "io/interface.h"

#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int interface_index(const char *name)
{
	return (int)if_nametoindex(name);
}

static int interface_request(const char *name, unsigned long what, struct ifreq *request)
{
	int result = 0;
	int fd;

	if (strlen(name) >= IFNAMSIZ)
		return -ENODEV;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memcpy(request->ifr_name, name, strlen(name) + 1);
	if (ioctl(fd, what, request) < 0)
		result = -errno;
	close(fd);
	return result;
}

int interface_mtu(const char *name, uint16_t *mtu)
{
	struct ifreq request = {0};
	int result = interface_request(name, SIOCGIFMTU, &request);

	if (result == 0)
		*mtu = (uint16_t)u32_min((uint32_t)request.ifr_mtu, UINT16_MAX);
	return result;
}

int interface_mac(const char *name, struct mac_address *mac)
{
	struct ifreq request = {0};
	int result = interface_request(name, SIOCGIFHWADDR, &request);

	if (result == 0)
		memcpy(mac->bytes, request.ifr_hwaddr.sa_data, sizeof(mac->bytes));
	return result;
}

int interface_is_up(const char *name, bool *up)
{
	struct ifreq request = {0};
	int result = interface_request(name, SIOCGIFFLAGS, &request);

	if (result == 0)
		*up = (request.ifr_flags & IFF_UP) && (request.ifr_flags & IFF_RUNNING);
	return result;
}

int interface_set_up(const char *name)
{
	struct ifreq request = {0};
	int result = interface_request(name, SIOCGIFFLAGS, &request);

	if (result < 0 || (request.ifr_flags & IFF_UP))
		return result;
	request.ifr_flags |= IFF_UP;
	return interface_request(name, SIOCSIFFLAGS, &request);
}

// First number in a small file, or -1.
static long number_read(const char *path)
{
	FILE *f = fopen(path, "re");
	long value = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

uint64_t interface_speed(const char *name)
{
	struct ethtool_cmd command = {.cmd = ETHTOOL_GSET};
	struct ifreq request = {.ifr_data = (char *)&command};
	uint32_t mbit;

	if (interface_request(name, SIOCETHTOOL, &request) < 0)
		return 0;
	mbit = ethtool_cmd_speed(&command);
	return mbit == (uint32_t)SPEED_UNKNOWN ? 0 : (uint64_t)mbit * 1000000;
}

// The link statistics of an interface; zeros where there are none.
static struct rtnl_link_stats link_statistics(const char *name)
{
	struct rtnl_link_stats found = {0};
	struct ifaddrs *list;

	if (getifaddrs(&list) < 0)
		return found;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next)
		if (i->ifa_data && i->ifa_addr && i->ifa_addr->sa_family == AF_PACKET &&
			strcmp(i->ifa_name, name) == 0)
			memcpy(&found, i->ifa_data, sizeof(found));
	freeifaddrs(list);
	return found;
}

uint64_t interface_receive_dropped(const char *name)
{
	return link_statistics(name).rx_dropped;
}

uint64_t interface_transmit_dropped(const char *name)
{
	return link_statistics(name).tx_dropped;
}

static bool kernel_forwards(const char *family, const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%.15s/forwarding", family, name);
	return number_read(path) > 0;
}

bool kernel_forwards_ipv4(const char *name)
{
	return kernel_forwards("ipv4", name);
}

bool kernel_forwards_ipv6(const char *name)
{
	return kernel_forwards("ipv6", name);
}

static bool socket_address_read(const struct sockaddr *from, struct ip_address *out)
{
	if (!from)
		return false;
	if (from->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)from;

		*out = ip_address_from_v4(v4->sin_addr.s_addr);
		return true;
	}
	if (from->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)from;

		*out = ip_address_from_bytes(v6->sin6_addr.s6_addr);
		return true;
	}
	return false;
}

static uint8_t mask_length(const struct sockaddr *mask)
{
	struct ip_address bits;
	uint8_t length = 0;
	bool v4 = mask && mask->sa_family == AF_INET;

	if (!socket_address_read(mask, &bits))
		return 0;
	for (uint32_t i = v4 ? 12 : 0; i < 16; i++)
		length += (uint8_t)__builtin_popcount(bits.bytes[i]);
	return length;
}

bool kernel_holds_address(
	const char *name, const struct ip_address *address, uint8_t *prefix_length)
{
	struct ifaddrs *list;
	bool found = false;

	if (getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
		struct ip_address held;

		if (strcmp(i->ifa_name, name) != 0 || !socket_address_read(i->ifa_addr, &held) ||
			!ip_address_equal(&held, address))
			continue;
		*prefix_length = mask_length(i->ifa_netmask);
		found = true;
	}
	freeifaddrs(list);
	return found;
}
