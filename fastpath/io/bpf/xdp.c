// SPDX-License-Identifier: BSD-3-Clause
#include "io/bpf/xdp.h"

#include <dirent.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <linux/rtnetlink.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef NEXPATH_BPF_PROGRAMS
static const uint8_t PROGRAM[] = {
#	include "io/bpf/xdp_program.inc"
};
#else
static const uint8_t PROGRAM[1];
#endif

static const char PROGRAM_NAME[] = "nexpath_port";

const char *xdp_program_path(void)
{
	static char path[32];
	int fd;

	if (sizeof(PROGRAM) == 1 || path[0])
		return path[0] ? path : NULL;
	fd = memfd_create(PROGRAM_NAME, MFD_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (write(fd, PROGRAM, sizeof(PROGRAM)) != (ssize_t)sizeof(PROGRAM)) {
		close(fd);
		return NULL;
	}
	// The descriptor stays open: the path is good for as long as the process lives.
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

struct link_message {
	struct nlmsghdr header;
	struct ifinfomsg interface;
	struct nlattr xdp;
	struct nlattr fd_head;
	int32_t fd;
};

static int netlink_talk(const void *message, size_t length, void *answer, size_t size)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t got = -1;

	if (fd < 0)
		return -errno;
	if (send(fd, message, length, 0) == (ssize_t)length)
		got = recv(fd, answer, size, 0);

	int result = got < (ssize_t)sizeof(struct nlmsghdr) ? -EIO : (int)got;

	close(fd);
	return result;
}

static int program_detach(int ifindex)
{
	struct link_message message = {
		.header = {.nlmsg_len = sizeof(message),
			.nlmsg_type = RTM_SETLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
		.interface = {.ifi_index = ifindex},
		.xdp = {.nla_type = NLA_F_NESTED | IFLA_XDP,
			.nla_len = sizeof(message) - offsetof(struct link_message, xdp)},
		.fd_head = {.nla_type = IFLA_XDP_FD,
			.nla_len = sizeof(message) - offsetof(struct link_message, fd_head)},
		.fd = -1,
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256];
	} answer;
	int got = netlink_talk(&message, sizeof(message), &answer, sizeof(answer));

	if (got < (int)sizeof(answer.header) + (int)sizeof(answer.error.error))
		return got < 0 ? got : -EIO;
	return answer.header.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EIO;
}

// The program's id among a link's attributes; 0: there is none.
static uint32_t program_id_find(struct rtattr *attribute, int left)
{
	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
		uint16_t type = attribute->rta_type & NLA_TYPE_MASK;

		if (type == IFLA_XDP_PROG_ID && RTA_PAYLOAD(attribute) == sizeof(uint32_t))
			return *(const uint32_t *)RTA_DATA(attribute);
	}
	return 0;
}

bool xdp_is_taken(int ifindex)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg interface;
	} question = {
		.header = {.nlmsg_len = sizeof(question),
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST},
		.interface = {.ifi_index = ifindex},
	};
	nx_aligned_line char answer[16384];
	// Not const: clang minds that the kernel's macros cast it away.
	struct nlmsghdr *header = (void *)answer;
	int got = netlink_talk(&question, sizeof(question), answer, sizeof(answer));

	if (got < 0 || !NLMSG_OK(header, (uint32_t)got) || header->nlmsg_type != RTM_NEWLINK)
		return false;

	struct rtattr *attribute = IFLA_RTA(NLMSG_DATA(header));
	int left = (int)IFLA_PAYLOAD(header);

	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
		if ((attribute->rta_type & NLA_TYPE_MASK) == IFLA_XDP)
			return program_id_find(RTA_DATA(attribute), (int)RTA_PAYLOAD(attribute)) >
			       0;
	}
	return false;
}

static uint32_t our_program_id(int fd)
{
	struct bpf_prog_info info = {0};
	union bpf_attr request = {
		.info = {.bpf_fd = (uint32_t)fd,
			.info_len = sizeof(info),
			.info = (uintptr_t)&info},
	};

	if (syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &request, sizeof(request)) < 0)
		return 0;
	return strncmp(info.name, PROGRAM_NAME, sizeof(info.name)) == 0 ? info.id : 0;
}

// DPDK keeps the program's descriptor to itself: it is the youngest of that name.
static int program_descriptor(void)
{
	DIR *folder = opendir("/proc/self/fd");
	uint32_t youngest = 0;
	int found = -ENOENT;

	if (!folder)
		return -errno;
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		int fd = atoi(entry->d_name);
		uint32_t id = entry->d_name[0] == '.' ? 0 : our_program_id(fd);

		if (id > youngest) {
			youngest = id;
			found = fd;
		}
	}
	closedir(folder);
	return found;
}

int xdp_program_tie(int ifindex, int *link)
{
	int program = program_descriptor();
	union bpf_attr request = {
		.link_create = {.prog_fd = (uint32_t)program,
			.target_ifindex = (uint32_t)ifindex,
			.attach_type = BPF_XDP},
	};
	int result = program < 0 ? program : program_detach(ifindex);
	long fd;

	if (result < 0)
		return result;
	// Frames that come before the next line has run go to the kernel.
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &request, sizeof(request));
	if (fd < 0)
		return -errno;
	*link = (int)fd;
	return 0;
}

void xdp_sockets_note(struct xdp_sockets *out)
{
	memset(out, 0, sizeof(*out));
	for (int fd = 0; fd < XDP_DESCRIPTORS; fd++) {
		int domain = 0;
		socklen_t size = sizeof(domain);

		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_XDP)
			out->bits[fd / 64] |= UINT64_C(1) << (fd % 64);
	}
}

int xdp_socket_new(const struct xdp_sockets *before)
{
	struct xdp_sockets now;

	xdp_sockets_note(&now);
	for (uint32_t i = 0; i < nx_array_size(now.bits); i++) {
		uint64_t fresh = now.bits[i] & ~before->bits[i];

		if (fresh)
			return (int)(i * 64) + __builtin_ctzll(fresh);
	}
	return -1;
}

uint64_t xdp_socket_overruns(int fd)
{
	struct xdp_statistics statistics = {0};
	socklen_t size = sizeof(statistics);

	if (getsockopt(fd, SOL_XDP, XDP_STATISTICS, &statistics, &size) < 0)
		return 0;
	return statistics.rx_ring_full + statistics.rx_fill_ring_empty_descs;
}
